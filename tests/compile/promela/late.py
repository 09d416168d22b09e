from runtime_client import Process, after, go, make_channel, recv, select, send, sleep


class Late(Process):
    async def main(self) -> str:
        results = make_channel()
        worker = go(self.work(results))
        match await select(result=recv(results), late=after(3)):
            case ("result", value):
                return str(value)
            case _:
                await worker  # nobody will receive its result
                return "late"

    async def work(self, results) -> None:
        await sleep(3)
        await send(results, 1)
