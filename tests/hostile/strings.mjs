// strings.mjs EVENTS EXPECTED: each line of EVENTS is JSON, and says what the line of EXPECTED says.
import { readFileSync } from "node:fs";

const lines = (path) => readFileSync(path, "utf8").split("\n");
const [events, expected] = process.argv.slice(2).map(lines);
if (events.length !== expected.length) throw new Error(`${events.length} lines, expected ${expected.length}`);
if (events.pop() !== "" || expected.pop() !== "") throw new Error("the last line has no end");
const text = (value) => (value === "" ? undefined : value);
events.forEach((line, number) => {
  const event = JSON.parse(line);
  const [banner, ehlo, name, subject, ...capabilities] = JSON.parse(expected[number]);
  const pairs = [
    [event.starttap.smtp.banner, text(banner)],
    [event.starttap.smtp.ehlo, text(ehlo)],
    [event.destination.domain, text(ehlo)],
    [event.tls.client?.server_name, text(name)],
    [event.tls.server.x509.subject?.common_name, text(subject)],
    [event.starttap.verdict, "starttls"],
    [JSON.stringify(event.starttap.smtp.capabilities), JSON.stringify([...capabilities, banner])],
  ];
  for (const [is, should] of pairs) {
    if (is !== should) throw new Error(`line ${number + 1}: ${JSON.stringify(is)}, expected ${JSON.stringify(should)}`);
  }
});
console.log(`node: ${events.length} lines`);
