/* Made by slct-compile verify late.py late

   spin -run -safety FILE   searches it; `invalid end state`: main can come to wait for ever
   spin -t FILE             tells the way there
*/
#define CHANNELS 32
#define GOROUTINES 32
#define GROUPS 8
#define NO_RECEIVER 0 /* a channel that is nil, to those who send */
#define NO_SENDER 1 /* and to those who receive */

byte channels = 2;
byte goroutines = 1;
byte groups = 1;
bool over; /* main has returned, or the process has failed */
chan nil_0 = [0] of { bit };
chan nil_1 = [0] of { bit };
chan ch[CHANNELS]; /* by number */
byte size[CHANNELS];
bool ended[GOROUTINES];
bool failed[GOROUTINES];

proctype Late_work(byte me; byte group; byte c0) {
/* late.py:15: its begin */
end_0: if
  :: over -> goto stop
  :: atomic { !over ->
    printf("Late.work, late.py:15\n");
    goto end_1
  }
  fi;
/* late.py:16: await sleep(3) */
end_1: if
  :: over -> goto stop
  :: atomic { !over ->
    printf("Late.work, late.py:16\n");
    goto end_2
  }
  fi;
/* late.py:17: await send(results, 1) */
end_2: if
  :: over -> goto stop
  :: atomic { ch[c0]!1 ->
    printf("Late.work, late.py:17\n");
    ended[me] = true;
    goto stop
  }
  fi;
stop:
end_stop: false
}

proctype Late_main(byte me; byte group) {
  byte c0, h0;
  chan made_0 = [0] of { bit };
/* late.py:5: its begin */
at_0: if
  :: over -> goto stop
  :: atomic { !over ->
    printf("Late.main, late.py:5\n");
    assert(channels < CHANNELS); c0 = channels; channels++;
    ch[c0] = made_0; size[c0] = 0;
    assert(goroutines < GOROUTINES); h0 = goroutines; goroutines++;
    run Late_work(h0, 0, c0);
    goto at_1
  }
  fi;
/* late.py:8: match await select(result=recv(results), late=after(3)): */
at_1: if
  :: over -> goto stop
  :: atomic { ch[c0]?_ ->
    printf("Late.main, late.py:8, result\n");
    over = true;
    goto stop
  }
  :: atomic { !over ->
    printf("Late.main, late.py:8, late\n");
    goto at_2
  }
  fi;
/* late.py:12: await worker  # nobody will receive its result */
at_2: if
  :: over -> goto stop
  :: atomic { ended[h0] && !(failed[h0]) ->
    printf("Late.main, late.py:12\n");
    over = true;
    goto stop
  }
  :: atomic { ended[h0] && (failed[h0]) ->
    printf("Late.main, late.py:12, an error\n");
    over = true;
    goto stop
  }
  fi;
stop:
end_stop: false
}

init {
  atomic {
    ch[NO_RECEIVER] = nil_0; ch[NO_SENDER] = nil_1;
    run Late_main(0, 0)
  }
}
