/* Made by slct-compile verify group.py group

   spin -run -safety FILE   searches it; `invalid end state`: main can come to wait for ever
   spin -t FILE             tells the way there
*/
#define CHANNELS 32
#define GOROUTINES 32
#define GROUPS 8
#define NO_RECEIVER 0 /* a channel that is nil, to those who send */
#define NO_SENDER 1 /* and to those who receive */

byte channels = 3;
byte goroutines = 1;
byte groups = 1;
bool over; /* main has returned, or the process has failed */
chan nil_0 = [0] of { bit };
chan nil_1 = [0] of { bit };
chan ch[CHANNELS]; /* by number */
byte size[CHANNELS];
byte held[CHANNELS]; /* how many values are in it */
bool closed[CHANNELS];
bool outside[CHANNELS]; /* clients may send to it */
bool ended[GOROUTINES];
byte running[GROUPS]; /* goroutines of a TaskGroup; 0 is none */
chan declared_2 = [2] of { bit }; /* orders */

proctype Group_take(byte me; byte group; byte c1) {
/* group.py:15: its begin */
end_0: if
  :: over -> goto stop
  :: atomic { !over ->
    printf("Group.take, group.py:15\n");
    goto end_1
  }
  fi;
/* group.py:16: async for order in channel: */
end_1: if
  :: over -> goto stop
  :: atomic { ch[c1]?_ ->
    held[c1] = held[c1] - (size[c1] > 0 -> 1 : 0);
    printf("Group.take, group.py:16\n");
    goto end_1
  }
  :: atomic { outside[c1] ->
    printf("Group.take, group.py:16\n");
    goto end_1
  }
  :: atomic { closed[c1] && held[c1] == 0 ->
    printf("Group.take, group.py:16\n");
    ended[me] = true; running[group] = running[group] - (group > 0 -> 1 : 0);
    goto stop
  }
  fi;
stop:
end_stop: false
}

proctype Group_main(byte me; byte group) {
  byte c1, c2, g0, h0, h1, t0, t1;
  chan made_0 = [0] of { bit };
  chan made_1 = [1] of { bit };
/* group.py:7: its begin */
at_0: if
  :: over -> goto stop
  :: atomic { !over ->
    printf("Group.main, group.py:7\n");
    assert(channels < CHANNELS); c1 = channels; channels++;
    ch[c1] = made_0; size[c1] = 0;
    assert(channels < CHANNELS); c2 = channels; channels++;
    ch[c2] = made_1; size[c2] = 1;
    assert(groups < GROUPS); g0 = groups; groups++;
    goto at_1
  }
  fi;
/* group.py:9: async with TaskGroup() as group: */
at_1: if
  :: over -> goto stop
  :: atomic { !over ->
    printf("Group.main, group.py:9\n");
    assert(goroutines < GOROUTINES); h0 = goroutines; goroutines++;
    running[g0]++;
    run Group_take(h0, g0, c1);
    assert(goroutines < GOROUTINES); h1 = goroutines; goroutines++;
    running[g0]++;
    run Group_take(h1, g0, c2);
    t0 = c2;
    t1 = c1;
    c1 = t0;
    c2 = t1;
    goto at_2
  }
  fi;
/* group.py:12: await select(send(first, await recv(self.orders)), default()) */
at_2: if
  :: over -> goto stop
  :: atomic { ch[2]?_ ->
    held[2] = held[2] - (size[2] > 0 -> 1 : 0);
    printf("Group.main, group.py:12\n");
    goto at_3
  }
  :: atomic { !over ->
    printf("Group.main, group.py:12\n");
    goto at_3
  }
  :: atomic { closed[2] && held[2] == 0 ->
    printf("Group.main, group.py:12, an error\n");
    over = true;
    goto stop
  }
  fi;
/* group.py:12: await select(send(first, await recv(self.orders)), default()) */
at_3: if
  :: over -> goto stop
  :: atomic { ch[(!closed[c2] -> c2 : NO_RECEIVER)]!0 ->
    held[c2] = held[c2] + (size[c2] > 0 -> 1 : 0);
    printf("Group.main, group.py:12, 0\n");
    if
    :: !(closed[c1]) -> closed[c1] = true;
       goto at_4
    :: (closed[c1]) -> over = true;
       goto stop
    fi
  }
  :: atomic { closed[c2] ->
    printf("Group.main, group.py:12, an error\n");
    over = true;
    goto stop
  }
  :: atomic { !(((closed[c2] || held[c2] < size[c2]))) ->
    printf("Group.main, group.py:12, 1\n");
    if
    :: !(closed[c1]) -> closed[c1] = true;
       goto at_4
    :: (closed[c1]) -> over = true;
       goto stop
    fi
  }
  fi;
/* group.py:9: async with TaskGroup() as group: */
at_4: if
  :: over -> goto stop
  :: atomic { running[g0] == 0 ->
    printf("Group.main, group.py:9\n");
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
    ch[2] = declared_2; outside[2] = true; size[2] = 2;
    run Group_main(0, 0)
  }
}
