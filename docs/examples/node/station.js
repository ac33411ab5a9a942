// A client of an okng station in another language, written from edge/wire/PROTOCOL.md alone: every result once and in
// order, what was missed fetched from the station's journal.
import { randomUUID } from "node:crypto";
import * as zmq from "zeromq";

const SCHEMA = 1;
const TIMEOUT_MS = 30_000;

export class Station {
  // `after`: the id of the last result that is known; `keys`: {serverKey, publicKey, secretKey}, where the station wants
  // CURVE.
  constructor(resultsAddress, commandsAddress, { after = "", keys } = {}) {
    const curve = keys
      ? { curveServerKey: keys.serverKey, curvePublicKey: keys.publicKey, curveSecretKey: keys.secretKey }
      : {};
    this.subscriber = new zmq.Subscriber({ linger: 0, receiveTimeout: TIMEOUT_MS, ...curve });
    this.dealer = new zmq.Dealer({ linger: 0, receiveTimeout: TIMEOUT_MS, ...curve });
    this.subscriber.subscribe("result", "state"); // the state last: once one comes, the others hold too
    this.subscriber.connect(resultsAddress);
    this.dealer.connect(commandsAddress);
    [this.boot, this.sequence] = after ? [after.split("-")[0], Number(after.split("-")[1])] : ["", 0];
    this.past = new Set();
  }

  async request(command) {
    const requestId = randomUUID();
    await this.dealer.send(JSON.stringify({ schema: SCHEMA, request_id: requestId, command }));
    for (;;) {
      const reply = JSON.parse((await this.dealer.receive()).at(-1).toString());
      if (reply.request_id !== requestId && reply.request_id !== "") continue;
      if (reply.ok) return reply.result;
      throw Object.assign(new Error(`${reply.error.message} (${reply.error.code})`), { code: reply.error.code });
    }
  }

  // Yields {header, map}: map is an Int8Array, or null.
  async *results() {
    for await (const [topic, headerFrame, data] of this.subscriber) {
      const isState = topic.toString() === "state";
      const header = JSON.parse(headerFrame.toString());
      if (header.schema > SCHEMA) throw new Error(`a message of schema ${header.schema}; this client reads ${SCHEMA}`);
      const before = isState ? header.sequence : header.sequence - 1;
      if (!this.boot) [this.boot, this.sequence] = [header.boot, before];
      if (this.missing(header, before)) yield* this.fill(header, before);
      if (!isState && header.boot === this.boot && header.sequence > this.sequence) {
        this.sequence = header.sequence;
        yield { header, map: header.map ? new Int8Array(data) : null };
      }
    }
  }

  missing(header, before) {
    return !this.past.has(header.boot) && (header.boot !== this.boot || before > this.sequence);
  }

  async *fill(held, before) {
    while (this.missing(held, before)) {
      const answer = await this.page(held);
      for (const { header, map } of answer.results) {
        if (header.boot !== this.boot) this.enter(header.boot);
        if (header.sequence <= this.sequence) continue;
        this.sequence = header.sequence;
        yield { header, map: map === null ? null : new Int8Array(Buffer.from(map, "base64")) };
      }
      answer.boots.slice(0, answer.boots.indexOf(this.boot)).forEach((boot) => this.past.add(boot));
      if (!answer.boots.includes(held.boot)) this.past.add(held.boot);
      if (!answer.more && this.missing(held, before)) {
        if (held.boot !== this.boot) this.enter(held.boot);
        this.sequence = Math.max(this.sequence, before); // the journal has nothing more: lost
      }
    }
  }

  async page(held) {
    try {
      return await this.request({ name: "replay", after: `${this.boot}-${this.sequence}` });
    } catch (error) {
      if (error.code !== "unknown_inspection" || held.boot === this.boot) throw error;
      this.enter(held.boot); // another journal: from the beginning of this boot
      return this.request({ name: "replay", after: `${this.boot}-0` });
    }
  }

  enter(boot) {
    this.past.add(this.boot);
    [this.boot, this.sequence] = [boot, 0];
  }

  close() {
    this.subscriber.close();
    this.dealer.close();
  }
}
