from runtime_client import Channel, Process, TaskGroup, close, default, make_channel, recv, select, send


class Group(Process):
    orders = Channel[int](capacity=2)

    async def main(self) -> None:
        first, second = make_channel(), make_channel(1)
        async with TaskGroup() as group:
            for channel in (first, second):
                group.go(self.take(channel))
            await select(send(first, await recv(self.orders)), default())
            close(second)

    async def take(self, channel) -> None:
        async for order in channel:
            print(order)
