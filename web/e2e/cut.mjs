// A connection that can be cut: a proxy of bytes in front of the server.
import { connect, createServer } from "node:net";

export async function cuttable(url) {
  const to = new URL(url);
  const open = new Set();
  let closed = false;
  const server = createServer((client) => {
    if (closed) return client.destroy();
    const upstream = connect(Number(to.port), to.hostname);
    open.add(client);
    const end = () => {
      open.delete(client);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) socket.on("error", end).on("close", end);
    client.pipe(upstream).pipe(client);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** Nothing gets through until `restore`. */
    cut() {
      closed = true;
      for (const client of open) client.destroy();
    },
    restore() { closed = false; },
    close() {
      for (const client of open) client.destroy();
      server.close();
    },
  };
}
