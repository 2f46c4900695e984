// What a unit costs the page around it: node figures.mjs prints the demo page with and without it.
import { launch, unit } from "./browser.mjs";
import { start } from "./server.mjs";

const LOADS = 5;
const [server, browser] = await Promise.all([start(), launch()]);

/** One load of the demo page in a fresh browser context, everything fetched anew. */
const load = async (withUnit) => {
  const page = await browser.page();
  const network = await page.context().newCDPSession(page);
  const all = new Map();
  await network.send("Network.enable");
  network.on("Network.requestWillBeSent", ({ requestId, request }) => all.set(requestId, { url: request.url, bytes: 0 }));
  network.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    if (all.has(requestId)) all.get(requestId).bytes = encodedDataLength;
  });
  if (!withUnit) {
    await page.route("**/demo*", async (route) => {
      const answer = await route.fetch();
      const body = (await answer.text()).replace(/<script async [\s\S]*?<\/script>/, "");
      await route.fulfill({ response: answer, body });
    });
  }
  await page.addInitScript(() => {
    window.noted = { shifts: 0, tasks: [] };
    new PerformanceObserver((list) => list.getEntries().forEach((one) => (window.noted.shifts += one.value))).observe({ type: "layout-shift", buffered: true });
    new PerformanceObserver((list) => list.getEntries().forEach((one) => window.noted.tasks.push(one.duration))).observe({ type: "longtask", buffered: true });
  });
  await page.goto(`${server.demo}?viewer=DE#end`);
  if (withUnit) {
    await unit(page).waitFor();
    await server.metric("adjacent_panics_total");
    await page.waitForFunction(() => performance.getEntriesByType("resource").filter((one) => one.name.includes("/e/")).length === 2);
  } else {
    await page.evaluate(() => new Promise((done) => setTimeout(done, 1500)));
  }
  const noted = await page.evaluate(() => window.noted);
  // Those of the demo itself: its page, its looks, and the trace that it shows beside the unit.
  const sent = [...all.values()].filter(({ url }) => url.startsWith(server.base));
  const ours = sent.filter(({ url }) => /\/embed\/v1\/|\/v1\/decisions$|\/e\//.test(url));
  await page.context().close();
  const sum = (list) => list.reduce((bytes, one) => bytes + one.bytes, 0);
  return {
    "cumulative layout shift": noted.shifts,
    "long tasks over 50 ms": noted.tasks.length,
    "longest task, ms": Math.round(Math.max(0, ...noted.tasks)),
    "requests of the unit": ours.length,
    "bytes of the unit": sum(ours),
    "of them its script": sum(ours.filter(({ url }) => url.includes("/embed/"))),
    "of them the decision": sum(ours.filter(({ url }) => url.includes("/v1/decisions"))),
    "requests in all": sent.length,
    "bytes in all": sum(sent),
  };
};

const middle = (numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const table = [];
for (const withUnit of [false, true]) {
  const loads = [];
  for (let at = 0; at < LOADS; at++) loads.push(await load(withUnit));
  table.push(Object.fromEntries(Object.keys(loads[0]).map((name) => [name, middle(loads.map((one) => one[name]))])));
}
console.log(`the demo page, middle of ${LOADS} loads\t without\t with`);
for (const name of Object.keys(table[0])) console.log(`${name}\t ${table[0][name]}\t ${table[1][name]}`);

await browser.close();
await server.stop();
