// node watch.js RESULTS COMMANDS [COUNT] [AFTER]: prints each result of a station as a JSON line.
// Where the station wants keys: OKNG_KEY=gateway.wire-secret OKNG_STATION_KEY=line-3.wire-public.
import { readFileSync } from "node:fs";
import process from "node:process";
import { Station } from "./station.js";

function keysFromEnvironment() {
  if (!process.env.OKNG_KEY) return undefined;
  const read = (file, name) => readFileSync(file, "utf8").match(new RegExp(`^\\s*${name} = "(.{40})"$`, "m"))[1];
  return {
    serverKey: read(process.env.OKNG_STATION_KEY, "public-key"),
    publicKey: read(process.env.OKNG_KEY, "public-key"),
    secretKey: read(process.env.OKNG_KEY, "secret-key"),
  };
}

const [results, commands, count = "0", after = ""] = process.argv.slice(2);
const station = new Station(results, commands, { after, keys: keysFromEnvironment() });
console.error((await station.request({ name: "status" })).state);
let left = Number(count);
for await (const { header, map } of station.results()) {
  console.log(JSON.stringify({ id: header.id, verdict: header.verdict, score: header.score, map: map && [...map] }));
  if (--left === 0) break;
}
station.close();
