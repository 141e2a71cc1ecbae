// An audit of a page of `exnorm report` by axe-core, in light, in dark and on a narrow screen.
//
//     npm install puppeteer-core axe-core
//     node benchmarks/audit_report.mjs report.html [/usr/bin/chromium]
//
// Prints what axe-core finds, what the page asks the network for, and how far it is wider than the screen;
// ends with status 1 where there is anything of it.
import fs from 'fs';
import path from 'path';
import {createRequire} from 'module';
import {pathToFileURL} from 'url';

const load = createRequire(path.join(process.cwd(), 'here.js'));
const puppeteer = load('puppeteer-core');
const axe = fs.readFileSync(load.resolve('axe-core/axe.min.js'), 'utf8');
const [page_path, browser_path = '/usr/bin/chromium'] = process.argv.slice(2);
const flags = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'];
const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const address = pathToFileURL(page_path).href;

const browser = await puppeteer.launch({executablePath: browser_path, headless: true, args: flags});
let faults = 0;
for (const [scheme, width, open] of [['light', 1280, false], ['dark', 1280, true], ['light', 380, true]]) {
  const page = await browser.newPage();
  const asked = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.setBypassCSP(true); // for axe-core itself, which is a script
  await page.setViewport({width, height: 900});
  await page.emulateMediaFeatures([{name: 'prefers-color-scheme', value: scheme}]);
  await page.goto(address);
  if (open) await page.evaluate(() => document.querySelectorAll('details').forEach((d) => { d.open = true; }));
  await page.evaluate(axe);
  const found = await page.evaluate((values) => globalThis.axe.run(document, {runOnly: values}), rules);
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  const elsewhere = asked.filter((url) => url !== address && !url.startsWith('data:'));
  console.log(`${scheme}, ${width} pixels, axe-core ${found.testEngine.version}: ` +
    `${found.violations.length} violations, ${found.passes.length} rules passed, ` +
    `${elsewhere.length} requests, ${Math.max(wider, 0)} pixels too wide`);
  for (const violation of found.violations) {
    console.log(`  ${violation.id} (${violation.impact}): ${violation.help}; ${violation.nodes.length} times`);
  }
  faults += found.violations.length + elsewhere.length + (wider > 0 ? 1 : 0);
  await page.close();
}
await browser.close();
process.exit(faults ? 1 : 0);
