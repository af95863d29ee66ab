# DynamoDB and S3 on a free port of loopback. It ends with its standard input, so it cannot outlive who started it.
import asyncio
import os
import socket
import sys
import threading

listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
listener.bind(("127.0.0.1", 0))
listener.listen(1024)
port = listener.getsockname()[1]
# It reads these where it is imported.
os.environ["GATEWAY_PORT"] = str(port)
os.environ["SERVICES"] = "dynamodb,s3"
os.environ["LOG_LEVEL"] = "ERROR"

from hypercorn.asyncio import serve  # noqa: E402
from hypercorn.config import Config  # noqa: E402

from ministack.app import app  # noqa: E402


def end_with_standard_input():
    sys.stdin.buffer.read()
    os._exit(0)


threading.Thread(target=end_with_standard_input, daemon=True).start()
config = Config()
config.bind = [f"fd://{listener.fileno()}"]
config.keep_alive_timeout = 75
config.loglevel = "ERROR"
print(f"listening {port}", flush=True)
asyncio.run(serve(app, config))
