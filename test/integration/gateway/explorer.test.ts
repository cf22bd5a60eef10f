import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { type Running, startWorld } from './graph.ts';

const CHROMIUM = '/usr/bin/chromium';

describe('the explorer', () => {
  let world: Running;
  beforeAll(async () => {
    world = await startWorld('in-process');
  });
  afterAll(() => world.stop());

  it('is built at the first visit and served whole', async () => {
    const visit = () => fetch(`${world.gateway.url}/explorer`);
    const end = Date.now() + 120_000;
    let text = '';
    for (;;) {
      const response = await visit();
      expect(response.status).toBe(200);
      text = await response.text();
      if (text.includes('/explorer/assets/')) break;
      expect(text).toContain('http-equiv="refresh"');
      if (Date.now() > end) throw new Error('the explorer was not built in time');
      await new Promise((done) => setTimeout(done, 300));
    }
    const assets = [...text.matchAll(/(?:src|href)="(\/explorer\/assets\/[^"]+)"/g)].map((match) => match[1] ?? '');
    expect(assets.length).toBeGreaterThan(1);
    for (const asset of assets) {
      const response = await fetch(`${world.gateway.url}${asset}`);
      expect([asset, response.status]).toEqual([asset, 200]);
      expect(response.headers.get('content-type')).toMatch(/javascript|css/);
      await response.arrayBuffer();
    }
    expect(text).not.toMatch(/https?:\/\//);
    expect((await fetch(`${world.gateway.url}/explorer/assets/..%2f..%2fpackage.json`)).status).toBe(404);
  }, 150_000);

  it('links what there is for development', async () => {
    const home = await (await fetch(`${world.gateway.url}/`)).text();
    for (const path of ['/explorer', '/graphql', '/health/ready']) expect(home).toContain(`href="${path}"`);
    const sandbox = await fetch(`${world.gateway.url}/graphql`, { headers: { accept: 'text/html' } });
    expect([sandbox.status, await sandbox.text()]).toEqual([200, expect.stringContaining('<html')]);
  });

  if (!existsSync(CHROMIUM)) console.warn(`1 test left out: there is no browser at ${CHROMIUM}`);
  (existsSync(CHROMIUM) ? it : it.skip)(
    'runs a query and a subscription in a browser that reaches nothing else',
    async () => {
      const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
      try {
        const foreign: string[] = [];
        /** Opens the explorer on an operation that it kept from before, logged in, and runs it. */
        const run = async (query: string) => {
          const context = await browser.newContext();
          await context.route('**/*', (route) => {
            const url = new URL(route.request().url());
            if (url.origin === new URL(world.gateway.url).origin || url.protocol === 'blob:' || url.protocol === 'data:')
              return route.continue();
            foreign.push(url.href);
            return route.abort();
          });
          const page = await context.newPage();
          const kept = {
            activeTabIndex: 0,
            tabs: [{ id: 'a', hash: null, title: 'a', query, variables: null, headers: null, operationName: null, response: null }],
          };
          await page.addInitScript({ content: `localStorage.setItem('graphiql:tabState', ${JSON.stringify(JSON.stringify(kept))})` });
          await page.goto(`${world.gateway.url}/explorer`);
          await page.fill('#token', await world.token());
          await page.locator('#token').blur();
          await page.locator('.graphiql-query-editor').filter({ hasText: '}' }).waitFor();
          await page.click('.graphiql-execute-button');
          return page.locator('.result-window');
        };
        await (await run('{ me towns }')).filter({ hasText: 'MTL-acc-1' }).waitFor({ timeout: 10_000 });
        const events = await run('subscription { moved { count person { name town } } }');
        while (world.openFeeds() === 0) await new Promise((done) => setTimeout(done, 50));
        world.move('1');
        await events.filter({ hasText: 'Montréal' }).waitFor({ timeout: 10_000 });
        expect(foreign).toEqual([]);
      } finally {
        await browser.close();
      }
    },
    60_000,
  );
});
