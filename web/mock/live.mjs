// The mock's Server-Sent Events: catch-up by Last-Event-ID or `after`, gaps told, and a way to cut every connection.

const CATCH_UP_MAX = 1000;
const NOW_EVERY_MS = 5000;

export class Live {
  constructor(events) {
    this.events = events;
    this.followers = new Set();
    this.timer = setInterval(() => {
      for (const one of this.followers) one.write(`event: now\ndata: ${JSON.stringify({ now: one.now() })}\n\n`);
    }, NOW_EVERY_MS);
  }

  follow(request, response, inScope, asked, now) {
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    response.write("retry: 500\n\n");
    const write = (text) => response.write(text);
    const seen = request.headers["last-event-id"] ?? asked.get("after");
    const after = seen === null || seen === undefined ? this.events.length - 1 : Number(seen);
    const missed = this.events.slice(after + 1).map((event, index) => ({ offset: after + 1 + index, event })).filter(({ event }) => inScope(event));
    const left = missed.slice(-CATCH_UP_MAX);
    if (missed.length > left.length) {
      write(`id: ${left[0].offset - 1}\nevent: gap\ndata: ${JSON.stringify({ missed: missed.length - left.length, from: missed[0].offset, to: left[0].offset })}\n\n`);
    }
    for (const one of left) write(hit(one.offset, one.event));
    write(`event: now\ndata: ${JSON.stringify({ now: now() })}\n\n`);
    const follower = { write, inScope, now, response };
    this.followers.add(follower);
    response.on("close", () => this.followers.delete(follower));
  }

  push(offset, event) {
    for (const one of this.followers) if (one.inScope(event)) one.write(hit(offset, event));
  }

  drop() {
    for (const one of this.followers) one.response.destroy();
    this.followers.clear();
  }

  close() {
    clearInterval(this.timer);
    this.drop();
  }
}

const hit = (offset, event) => `id: ${offset}\nevent: hit\ndata: ${JSON.stringify({ offset, event })}\n\n`;
