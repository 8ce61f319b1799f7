"""Posts to hooks over HTTP what the box has for them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

import urllib3

from orders_sync.sandbox.box import Box
from orders_sync.sandbox.hook_operations import Post

#: VTEX takes no answer for a failure after so long.
_SECONDS: Final = 5.0
_AT_ONCE: Final = 16
_LOOK_SECONDS: Final = 0.02
_REST_SECONDS: Final = 0.25


@contextmanager
def posting(box: Box) -> Iterator[None]:
    """Post to the box's hooks for as long as the block lasts."""
    stopped = threading.Event()
    http = urllib3.PoolManager(maxsize=_AT_ONCE, timeout=urllib3.Timeout(total=_SECONDS))

    def send(post: Post) -> bool:
        try:
            answer = http.request(
                "POST",
                post.url,
                body=post.body,
                headers={**post.headers, "Content-Type": "application/json"},
                retries=False,
                redirect=False,
            )
        except (urllib3.exceptions.HTTPError, OSError, ValueError):
            return False
        return answer.status == 200

    def deliver(post: Post) -> None:
        box.posted(post, is_taken=not stopped.is_set() and send(post))

    def run() -> None:
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            seconds = _LOOK_SECONDS
            while not stopped.wait(seconds):
                posts = box.take_posts()
                seconds = _REST_SECONDS if posts is None else _LOOK_SECONDS
                for post in posts or ():
                    threads.submit(deliver, post)

    box.post_with(send)
    thread = threading.Thread(target=run, name="posting", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
        http.clear()
