"""The end of a listening socket."""

import asyncio


async def close(server: asyncio.Server) -> None:
    """Close a server; what was accepted by then is a connection like any other.

    asyncio itself leaves the socket of a connection open whose accepting is under way when its
    server is closed: so nothing is accepted any more, and then that is waited for.
    """
    loop = asyncio.get_running_loop()
    for listening in server.sockets:
        loop.remove_reader(listening.fileno())
    for _ in range(3):  # rounds of the loop: task, transport, protocol
        await asyncio.sleep(0)
    server.close()
