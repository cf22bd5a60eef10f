import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { openLogKeeper } from '#audit/server.ts';
import { AuditUnavailableError } from '#platform/audit/append.ts';
import { openCities } from '#platform/database/cities.ts';
import { checkpointOf, type Fetched, until, writeEvents } from '#test/integration/audit/log-support.ts';
import { startTestApp, type TestApp } from '#test/support/app.ts';

const CHROMIUM = '/usr/bin/chromium';
/** A folder for pictures of the page, where somebody wants to look at them. */
const PICTURES = process.env['TEST_PICTURES'];
const hasBrowser = existsSync(CHROMIUM);
if (!hasBrowser) console.warn(`the tests of the verifier's page are left out: there is no browser at ${CHROMIUM}`);

let app: TestApp;
let browser: Browser;
let folder: string;
const COUNT = 600;
const fetchFile = async (name: string): Promise<Fetched> => {
  const response = await fetch(`${app.graph.url}/audit/${name}`, { signal: AbortSignal.timeout(5_000) });
  return { status: response.status, headers: {}, bytes: Buffer.from(await response.arrayBuffer()) };
};
/** A machine that has much to do may take its time to connect. */
const untilWritten = (work: () => Promise<void>): Promise<void> =>
  until(
    () =>
      work().then(
        () => true,
        (error: unknown) => {
          if (error instanceof AuditUnavailableError) return false;
          throw error;
        },
      ),
    30_000,
    'the entry',
  );
const write = async (count: number): Promise<void> => {
  const { cities, secrets, subjects } = app.network;
  const writers = openCities(cities, { role: 'scheduling', password: secrets.databasePasswords.scheduling, subjects });
  for (let i = 0; i < count; i++) await untilWritten(() => writeEvents(writers, 'MTL', 1));
  await writers.stop();
};

(hasBrowser ? describe : describe.skip)('the page that verifies a log in the browser', () => {
  beforeAll(async () => {
    app = await startTestApp();
    await write(COUNT);
    await until(async () => {
      const { status } = await fetchFile('MTL/checkpoint');
      return status === 200 && (await checkpointOf(fetchFile, 'MTL')).checkpoint.size >= COUNT;
    });
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
    folder = mkdtempSync(path.join(tmpdir(), 'caregraph-page-'));
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await app?.stop();
    if (folder) rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  type Change = (bytes: Buffer) => Buffer | null;
  /** Opens the page. `changes` stand for somebody on the way: by path below the city, what becomes of the file. */
  const visit = async (language: 'en' | 'fr', changes: Readonly<Record<string, Change>> = {}, given?: BrowserContext) => {
    const context = given ?? (await browser.newContext({ locale: language === 'fr' ? 'fr-CA' : 'en-CA' }));
    const asked: string[] = [];
    const faults: string[] = [];
    await context.unrouteAll();
    await context.route('**/*', async (route) => {
      const url = new URL(route.request().url());
      if (url.origin !== new URL(app.graph.url).origin && !['data:', 'blob:'].includes(url.protocol)) {
        faults.push(`asked ${url.origin}`);
        return route.abort();
      }
      asked.push(url.pathname);
      const name = Object.keys(changes).find((each) => url.pathname.endsWith(each));
      const change = name === undefined ? undefined : changes[name];
      if (!change) return route.continue();
      const response = await route.fetch();
      const bytes = change(await response.body());
      return bytes ? route.fulfill({ response, body: bytes, headers: {} }) : route.fulfill({ status: 404, body: '' });
    });
    const page = await context.newPage();
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => {
      // What a change takes away is missing; nothing else is asked for that is not there.
      const isTaken = Object.keys(changes).length > 0 && message.text().includes('404');
      if (message.type() === 'error' && !isTaken) faults.push(message.text());
    });
    await page.goto(`${app.graph.url}/verify?city=MTL`);
    await page.locator('html[data-ready]').waitFor({ timeout: 10_000 });
    return { page, context, asked, faults };
  };
  const verify = async (page: Page, full = false): Promise<string> => {
    if (full) await page.check('#full');
    await page.click('#start');
    await page.locator('#log-result .box').first().waitFor({ timeout: 20_000 });
    return page.locator('#log-result').innerText();
  };
  const picture = async (page: Page, name: string): Promise<void> => {
    if (PICTURES !== undefined) await page.screenshot({ path: path.join(PICTURES, `${name}.png`), fullPage: true });
  };

  it('finds a log sound, in English and in French, asks for public files alone, and goes on from what it kept', async () => {
    const { page, context, asked, faults } = await visit('en');
    expect(await page.title()).toBe('Audit log verifier');
    const told = await verify(page);
    expect(told).toContain('The log of MTL is sound');
    expect(told).toContain('Trusted on first use');
    expect(told).not.toContain('not witnessed');
    expect(told).toMatch(/Last cosigned\s+\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(\d+ (?:seconds?|minutes) ago\)/);
    expect(told).not.toContain('This may be an old log');
    await picture(page, 'sound-en');
    const bundles = (): number => asked.filter((each) => each.includes('/tile/entries/')).length;
    const before = bundles();
    expect(before).toBeGreaterThan(2);
    await write(10);
    await page.waitForTimeout(1_500);
    const french = await visit('fr', {}, context);
    await french.page.goto(`${app.graph.url}/verify?lang=fr&city=MTL`);
    await french.page.locator('html[lang="fr"][data-ready]').waitFor();
    const later = await verify(french.page);
    expect(later).toContain('Le journal de MTL est intact');
    expect(later).not.toContain('Cru à la première rencontre');
    expect(later).toMatch(/Dernière cosignature\s+\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(il y a \d+ (?:secondes?|minutes)\)/);
    await picture(french.page, 'sound-fr');
    expect(french.asked.filter((each) => each.includes('/tile/entries/')).length).toBeLessThan(before);
    for (const each of [...asked, ...french.asked]) expect(each).toMatch(/^\/(?:verify|audit|health\/ready)/);
    expect([...faults, ...french.faults]).toEqual([]);
    await context.close();
  }, 60_000);

  it('says of an old log that is shown again that it is old, and of times that lie ahead, in both languages', async () => {
    const old = await visit('en');
    /** The same files, seen so many milliseconds later. */
    const verifyLater = async (page: Page, ms: number): Promise<string> => {
      await page.route('**/verify/worker.js', async (route) => {
        const response = await route.fetch();
        const body = (await response.text()).replaceAll('now: new Date()', `now: new Date(Date.now() + ${ms})`);
        return route.fulfill({ response, body });
      });
      await page.reload();
      await page.locator('html[data-ready]').waitFor({ timeout: 10_000 });
      const told = await verify(page);
      await page.unrouteAll({ behavior: 'wait' });
      return told;
    };
    const THIRTY_HOURS = 30 * 3_600_000;
    const stale = await verifyLater(old.page, THIRTY_HOURS);
    expect(stale).toContain('The log of MTL is sound');
    expect(stale).toMatch(/This may be an old log: not since [-0-9]+ [:0-9]+ UTC \(30 hours ago\) have the witnesses said/);
    await picture(old.page, 'stale-en');
    const ahead = await verifyLater(old.page, -THIRTY_HOURS);
    expect(ahead).toMatch(/(?:A witness|2 witnesses) cosigned with a time that lies more than 10 minutes ahead/);
    expect(ahead).toMatch(/Last cosigned\s+no witness says when/);
    const french = await visit('fr', {}, old.context);
    await french.page.goto(`${app.graph.url}/verify?lang=fr&city=MTL`);
    expect(await verifyLater(french.page, THIRTY_HOURS)).toMatch(
      /Ce journal est peut-être ancien\u00a0: depuis le [-0-9]+ [:0-9]+ UTC \(il y a 30 heures\)/,
    );
    await picture(french.page, 'stale-fr');
    expect([...old.faults, ...french.faults]).toEqual([]);
    await french.context.close();
  }, 60_000);

  const flip =
    (at: number): Change =>
    (bytes) => {
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      return bytes;
    };
  it.each([
    ['an entry', { '/tile/entries/001': flip(40) }, 'an entry is not the one that was published', 256],
    ['a hash of a leaf', { '/tile/0/000': flip(32 * 7) }, 'hashes of the tree are not those that were published', 7],
    ['a bundle that is gone', { '/tile/entries/000': () => null }, 'entries are not there', 0],
  ] as const)(
    'finds %s changed, and tells which',
    async (_what, changes, fault, index) => {
      const { page, context, faults } = await visit('en', changes);
      const told = await verify(page);
      expect(told).toContain('The log of MTL is not sound');
      expect(told).toContain(fault);
      expect(told).toMatch(new RegExp(`First bad entry\\s+${index}\\n`));
      expect(faults).toEqual([]);
      await context.close();
    },
    60_000,
  );

  it('finds a checkpoint of before shown again, keeps what it knew, and shows the evidence', async () => {
    const old = Buffer.from((await fetchFile('MTL/checkpoint')).bytes);
    await write(5);
    await until(async () => !old.equals(Buffer.from((await fetchFile('MTL/checkpoint')).bytes)));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const { page, context } = await visit('fr');
    expect(await verify(page)).toContain('est intact');
    await page.close();
    const again = await visit('fr', { '/checkpoint': () => old }, context);
    const told = await verify(again.page);
    expect(told).toContain('n’est pas intact');
    expect(told).toContain('Preuves');
    await again.page.click('#log-result summary');
    expect(await again.page.locator('#log-result pre').count()).toBe(2);
    await picture(again.page, 'broken-fr');
    await again.page.close();
    const sound = await visit('fr', {}, context);
    expect(await verify(sound.page, true)).toContain('est intact');
    await context.close();
  }, 60_000);

  it('judges a proof offline, and a forged one in less than 50 ms', async () => {
    const { patientId } = await app.account('MTLP0001');
    const token = await app.tokenOf('MTLP0001');
    await app.graph.ask('query ($id: ID!) { patient(id: $id) { id } }', { id: patientId }, { token });
    const query = `query ($id: ID!) { patient(id: $id) { auditTrail(first: 1) { nodes { leaf tlogProof } } } }`;
    type Trail = { patient: { auditTrail: { nodes: { leaf: string; tlogProof: string | null }[] } } };
    let event: { leaf: string; tlogProof: string | null } | undefined;
    await until(async () => {
      event = (await app.graph.ask<Trail>(query, { id: patientId }, { token })).data?.patient.auditTrail.nodes.find(
        (each) => each.tlogProof,
      );
      if (event) return true;
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      event = (
        await app.graph.ask<Trail>(query.replace('first: 1', 'first: 20'), { id: patientId }, { token })
      ).data?.patient.auditTrail.nodes.find((each) => each.tlogProof);
      return event !== undefined;
    }, 20_000);
    if (!event?.tlogProof) throw new Error('the event has no proof');
    const put = (name: string, text: string): string => {
      const file = path.join(folder, name);
      writeFileSync(file, text);
      return file;
    };
    const city = /\/(MTL|QUE|SHE)(?:\/\d+)?\n/.exec(event.tlogProof)?.[1] ?? 'MTL';
    const policy = Buffer.from((await fetchFile(`${city}/policy`)).bytes).toString();
    const { page, context, asked, faults } = await visit('en');
    await page.click('summary');
    await page.fill('#policy', policy.replace(/^quorum .*$/m, 'quorum none'));
    await page.setInputFiles('#leaf', put('leaf.json', event.leaf));
    const judge = async (proof: string): Promise<string> => {
      await page.setInputFiles('#proof', put('event.tlog-proof', proof));
      await page.evaluate(`document.querySelector('#proof-result').replaceChildren()`);
      await page.click('#proof-form button');
      await page.locator('#proof-result .box').waitFor({ timeout: 10_000 });
      return page.locator('#proof-result').innerText();
    };
    const count = asked.length;
    expect(await judge(event.tlogProof)).toContain('Proven: entry');
    const forged = event.tlogProof.replace(/^index (\d+)$/m, (_all, index) => `index ${Number(index) + 1}`);
    const told = await judge(forged);
    expect(told).toContain('Not proven');
    expect(told).toContain('the entry is not in the log that the checkpoint signs');
    expect(Number(/Judged in ([\d.]+) ms/.exec(told)?.[1])).toBeLessThan(50);
    await picture(page, 'proof-en');
    expect(
      await judge(event.tlogProof.replace(/(— [^ ]+ )(.)/, (_all, before, letter) => `${before}${letter === 'A' ? 'B' : 'A'}`)),
    ).toContain('Not proven');
    expect(await judge('no proof')).toContain('the file is not a proof');
    await page.setInputFiles('#leaf', put('leaf.json', `${event.leaf}\n`));
    const saved = await judge(event.tlogProof);
    expect(saved).toContain('Not proven');
    expect(saved).toContain('Without the newline at the end of its file, the entry is proven.');
    await picture(page, 'newline-en');
    await page.setInputFiles('#leaf', put('leaf.json', event.leaf));
    const [key = ''] = /^log .*$/m.exec(policy) ?? [];
    await page.fill('#policy', `# mine\n${key}\nwitness x nonsense\nquorum none`);
    expect(await judge(event.tlogProof)).toMatch(/^Line 3 of the policy cannot be read\.\s+the verifier key is not of the form/);
    await page.fill('#policy', policy.replace(/^log [^+]*/m, 'log else.example').replace(/^quorum .*$/m, 'quorum none'));
    expect(await judge(event.tlogProof)).toContain('Line 1 of the policy cannot be read.');
    await page.fill('#policy', 'quorum none');
    expect(await judge(event.tlogProof)).toMatch(/The policy has no key for \S+; nothing is said of that log/);
    expect(asked.length).toBe(count);
    expect(faults).toEqual([]);
    await context.close();
  }, 60_000);

  it.each(['en', 'fr'] as const)(
    'fits a telephone, and says so where the network is gone: %s',
    async (language) => {
      const context = await browser.newContext({ locale: `${language}-CA`, viewport: { width: 390, height: 844 } });
      const { page, faults } = await visit(language, {}, context);
      const widths = (): Promise<unknown> => page.evaluate('[document.documentElement.scrollWidth, innerWidth]');
      expect(await widths()).toEqual([390, 390]);
      await page.click('summary');
      await verify(page);
      expect(await widths()).toEqual([390, 390]);
      await page.evaluate(`document.querySelector('#log-result summary')?.click()`);
      await picture(page, `narrow-${language}`);
      await page.fill('#policy', '\n\nlog nonsense\n');
      expect(await verify(page)).toMatch(
        language === 'fr' ? /^La ligne 3 de la politique est illisible\.\s+la clé n’est pas/ : /^Line 3 of the policy/,
      );
      await picture(page, `narrow-policy-${language}`);
      await page.fill('#policy', '');
      expect(faults).toEqual([]);
      await context.setOffline(true);
      await context.unrouteAll();
      const told = await verify(page);
      expect(told).toMatch(
        language === 'fr'
          ? /^La partie de cette page qui vérifie n’a pas pu être chargée/
          : /^The part of this page that verifies could not/,
      );
      expect(told).not.toContain('worker');
      expect(await widths()).toEqual([390, 390]);
      await picture(page, `narrow-offline-${language}`);
      await context.close();
    },
    60_000,
  );

  it('finds a log of two shards sound by the policy that the server gives, and asks for nothing that is not there', async () => {
    const keeper = openLogKeeper(app.network);
    try {
      await keeper.beginShard('QUE');
    } finally {
      await keeper.stop();
    }
    await until(async () => {
      const { status, bytes } = await fetchFile('QUE/checkpoint');
      return status === 200 && Buffer.from(bytes).toString().startsWith('caregraph.example/audit/QUE/2\n');
    });
    const { page, context, faults } = await visit('fr');
    await page.selectOption('#city', 'QUE');
    await page.click('summary');
    await page.fill('#policy', Buffer.from((await fetchFile('QUE/policy')).bytes).toString());
    const told = await verify(page);
    expect(told).toContain('Le journal de QUE est intact');
    expect(told).toMatch(/Volume\s+1\n[\s\S]*Volume\s+2\n/);
    await page.fill('#policy', Buffer.from((await fetchFile('MTL/policy')).bytes).toString());
    expect(await verify(page)).toMatch(
      /La politique n’a pas de clé pour caregraph\.example\/audit\/QUE\u00a0; rien n’est dit de ce journal/,
    );
    expect(faults).toEqual([]);
    await context.close();
  }, 60_000);
});
