"""Services far away: one proxy on loopback for each, which answers late and remembers when it was asked.

    python delaying_proxy.py 0.1 http://127.0.0.1:8545 http://127.0.0.1:3000

prints the addresses as JSON: those of the proxies in the same order, then one that tells the round trips
since it was asked last (``GET /``): the longest chain of requests of which each began after the one before
had its answer. It ends with its standard input. A process of its own, so that it does not slow down who asks.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from aiohttp import ClientSession, TCPConnector, web

_SKIPPED = {"host", "connection", "transfer-encoding", "content-length", "accept-encoding"}


class Proxies:
    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.asked: list[tuple[float, float]] = []

    async def serve(self, handler) -> str:
        application = web.Application(client_max_size=1 << 30)
        application.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(application, access_log=None, keepalive_timeout=600)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    def to(self, upstream: str, client: ClientSession):
        async def answer(request: web.Request) -> web.Response:
            began = time.monotonic()
            headers = {name: value for name, value in request.headers.items() if name.lower() not in _SKIPPED}
            body = await request.read()
            await asyncio.sleep(self.delay / 2)
            async with client.request(
                request.method, f"{upstream}{request.rel_url}", data=body or None, headers=headers
            ) as response:
                answered = await response.read()
            await asyncio.sleep(self.delay / 2)
            kept = {name: value for name, value in response.headers.items() if name.lower() not in _SKIPPED}
            self.asked.append((began, time.monotonic()))
            return web.Response(status=response.status, body=answered, headers=kept)

        return answer

    async def trips(self, _request: web.Request) -> web.Response:
        count, end = 0, -1.0
        for began, ended in sorted(self.asked, key=lambda times: times[1]):
            if began >= end:
                count, end = count + 1, ended
        self.asked.clear()
        return web.json_response(count)


async def main(delay: float, upstreams: list[str]) -> None:
    proxies = Proxies(delay)
    async with ClientSession(connector=TCPConnector(limit=0), auto_decompress=False) as client:
        urls = [await proxies.serve(proxies.to(upstream, client)) for upstream in upstreams]
        sys.stdout.write(json.dumps([*urls, await proxies.serve(proxies.trips)]) + "\n")
        sys.stdout.flush()
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), sys.argv[2:]))
