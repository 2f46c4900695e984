// Measures the cost of a unit to its page: node figures.mjs loads the demo page with and without the unit.
import { launch, unit } from "./browser.mjs";
import { start } from "./server.mjs";

const LOADS = 5;
const [server, browser] = await Promise.all([start(), launch()]);

/** Loads the demo page once in a fresh browser context, without caches. */
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
    window.measured = { shifts: 0, tasks: [] };
    new PerformanceObserver((list) => list.getEntries().forEach((one) => (window.measured.shifts += one.value))).observe({ type: "layout-shift", buffered: true });
    new PerformanceObserver((list) => list.getEntries().forEach((one) => window.measured.tasks.push(one.duration))).observe({ type: "longtask", buffered: true });
  });
  await page.goto(`${server.demo}?viewer=DE#end`);
  if (withUnit) {
    await unit(page).waitFor();
    await server.metric("adjacent_panics_total");
    await page.waitForFunction(() => performance.getEntriesByType("resource").filter((one) => one.name.includes("/e/")).length === 2);
  } else {
    await page.evaluate(() => new Promise((done) => setTimeout(done, 1500)));
  }
  const measured = await page.evaluate(() => window.measured);
  // Requests of the unit, without those of the demo page itself: its HTML, styles and decision trace.
  const sent = [...all.values()].filter(({ url }) => url.startsWith(server.base));
  const unitRequests = sent.filter(({ url }) => /\/embed\/v1\/|\/v1\/decisions$|\/e\//.test(url));
  await page.context().close();
  const sum = (list) => list.reduce((bytes, one) => bytes + one.bytes, 0);
  return {
    "cumulative layout shift": measured.shifts,
    "long tasks over 50 ms": measured.tasks.length,
    "longest task, ms": Math.round(Math.max(0, ...measured.tasks)),
    "unit requests": unitRequests.length,
    "unit bytes": sum(unitRequests),
    "... of its script": sum(unitRequests.filter(({ url }) => url.includes("/embed/"))),
    "... of the decision": sum(unitRequests.filter(({ url }) => url.includes("/v1/decisions"))),
    "total requests": sent.length,
    "total bytes": sum(sent),
  };
};

const median = (numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const table = [];
for (const withUnit of [false, true]) {
  const loads = [];
  for (let at = 0; at < LOADS; at++) loads.push(await load(withUnit));
  table.push(Object.fromEntries(Object.keys(loads[0]).map((name) => [name, median(loads.map((one) => one[name]))])));
}
console.log(`demo page, median of ${LOADS} loads\t without unit\t with unit`);
for (const name of Object.keys(table[0])) console.log(`${name}\t ${table[0][name]}\t ${table[1][name]}`);

await browser.close();
await server.stop();
