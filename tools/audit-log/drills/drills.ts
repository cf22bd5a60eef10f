import type { CityReport } from '#platform/audit/verify-city.ts';
import { ATTACKED, type Stage, type Verifier, waitFor } from './room.ts';
import { forge, requestFor, rewriteLog, type Shown, sourceOf, tamper } from './tamper.ts';

/** Who looks after a log. Witnesses and verifier stand outside the city. */
export type Finder = 'sequencer' | 'verifier' | 'witnesses';

/** What one finder said; `firstBadIndex` null where that is not for it to say. */
export type Finding = { readonly said: string; readonly firstBadIndex: number | null };

/** One thing that was done, and who found it. `must` are those who have to. */
export type DrillStep = {
  readonly drill: string;
  readonly done: string;
  readonly must: readonly Finder[];
  readonly found: Readonly<Partial<Record<Finder, Finding>>>;
  /** The first entry that is not as it was published; null where every entry is. */
  readonly firstBadIndex: number | null;
  readonly isFound: boolean;
};

type Told = Omit<DrillStep, 'drill' | 'isFound'>;
export type Drill = {
  readonly name: string;
  readonly what: string;
  readonly run: (stage: Stage, tell: (step: Told) => void) => Promise<void>;
};

/** Entries before the attack: more than two bundles. */
const ENTRIES = 530;
const BACKED_UP = 300;

/** Writes the acts of a morning, and lets a verifier see and remember the log. */
const begin = async (stage: Stage, entries = ENTRIES): Promise<{ readonly size: number; readonly verifier: Verifier }> => {
  await stage.act(entries);
  const size = await stage.settle();
  const verifier = stage.openVerifier();
  const report = await verifier.verify();
  if (!report.isSound) throw new Error('the log was not sound before anything was done to it');
  return { size, verifier };
};

const ofVerifier = ({ fault, shards }: CityReport): Finding | null => {
  if (fault) return { said: `${fault.kind}${fault.isExact ? '' : ', at the earliest'}`, firstBadIndex: fault.firstBadIndex };
  const [warning] = shards.flatMap(({ warnings }) => warnings);
  return warning
    ? { said: `${warning.kind}, ${warning.count === 1 ? 'once' : `${warning.count} times`}`, firstBadIndex: warning.index }
    : null;
};
const ifAny = <T>(finder: Finder, finding: T | null): Partial<Record<Finder, T>> => (finding ? { [finder]: finding } : {});

/** Waits until health calls the log broken and names an entry. */
const ofSequencer = async (stage: Stage): Promise<Finding> =>
  waitFor('the alarm of the sequencer', async () => {
    const { state, firstBadIndex, witness, witnessSize } = await stage.health();
    if (state !== 'broken' || typeof firstBadIndex !== 'number') return null;
    return { said: witness === undefined ? 'broken' : `broken: ${witness} holds ${witnessSize} entries`, firstBadIndex };
  });

/** Sends a log to every witness as its newest state, and waits for their alarms where there is to be one. */
const ofWitnesses = async (stage: Stage, shown: Shown, oldSize: number, alarm: string | null): Promise<Finding | null> => {
  const answers = await Promise.all(
    stage.witnesses.map(async (city) => `${city} ${(await stage.askWitness(city, await requestFor(shown, oldSize))).status}`),
  );
  if (answers.some((answer) => !/ (409|422)$/.test(answer))) return null;
  if (alarm === null) return { said: answers.join(', '), firstBadIndex: null };
  await waitFor('the alarms of the witnesses', async () => {
    const raised = await Promise.all(
      stage.witnesses.map(async (city) =>
        (await stage.health(city)).alarms?.some(({ origin, kind }) => origin === stage.key.origin && kind === alarm),
      ),
    );
    return raised.every(Boolean) ? true : null;
  });
  return { said: `${answers.join(', ')}; alarm ${alarm}`, firstBadIndex: null };
};

/**
 * The past is changed in the database alone, and found by whoever reads entries; then tiles and checkpoints are made anew with the log's key,
 * so that the log agrees with itself, acts go on, and what is left to say no is whoever remembers.
 */
const tamperPast =
  (sql: string, index: number, done: string): Drill['run'] =>
  async (stage, tell) => {
    const { size, verifier } = await begin(stage);
    await (await stage.attacker()).query(sql);
    const sequencer = await ofSequencer(stage);
    tell({
      done,
      must: ['sequencer', 'verifier'],
      firstBadIndex: index,
      found: { sequencer, ...ifAny('verifier', ofVerifier(await verifier.verify())) },
    });
    await stage.stopServing();
    await stage.act(5);
    const shown = await rewriteLog(stage);
    await stage.startServing();
    tell({
      done: 'and the log made anew and signed with its key',
      must: ['sequencer', 'verifier', 'witnesses'],
      firstBadIndex: index,
      found: {
        ...ifAny('witnesses', await ofWitnesses(stage, shown, size, 'rewritten')),
        ...ifAny('verifier', ofVerifier(await verifier.verify(sourceOf(shown, stage.source)))),
        sequencer: await ofSequencer(stage),
      },
    });
  };

const truncate: Drill['run'] = async (stage, tell) => {
  const left = 400;
  const { size, verifier } = await begin(stage);
  await (await stage.attacker()).query(tamper.truncate(left));
  const sequencer = await ofSequencer(stage);
  tell({
    done: `the entries from ${left} on taken away`,
    must: ['sequencer', 'verifier'],
    firstBadIndex: left,
    found: { sequencer, ...ifAny('verifier', ofVerifier(await verifier.verify())) },
  });
  await stage.stopServing();
  const shorter = await rewriteLog(stage);
  await stage.startServing();
  tell({
    done: 'and the shorter log signed with its key',
    must: ['sequencer', 'verifier', 'witnesses'],
    firstBadIndex: left,
    found: {
      ...ifAny('witnesses', await ofWitnesses(stage, shorter, left, null)),
      ...ifAny('verifier', ofVerifier(await verifier.verify(sourceOf(shorter, stage.source)))),
      sequencer: await ofSequencer(stage),
    },
  });
  await stage.stopServing();
  await stage.act(size - left + 20);
  const longer = await rewriteLog(stage);
  await stage.startServing();
  tell({
    done: 'and acts go on until it is longer than it was',
    must: ['sequencer', 'verifier', 'witnesses'],
    firstBadIndex: left,
    found: {
      ...ifAny('witnesses', await ofWitnesses(stage, longer, size, 'rewritten')),
      ...ifAny('verifier', ofVerifier(await verifier.verify(sourceOf(longer, stage.source)))),
      sequencer: await ofSequencer(stage),
    },
  });
};

const fork: Drill['run'] = async (stage, tell) => {
  const index = 200;
  const { size, verifier } = await begin(stage);
  const shown = await forge(stage, (bodies) =>
    bodies.map((body, i) =>
      i === index ? Buffer.from(Buffer.from(body).toString().replace('"bookAppointment"', '"cancelAppointment"')) : body,
    ),
  );
  tell({
    done: 'another log of the same size shown to some, signed with its key',
    // The city's own database is as it was: nobody who looks there can see it.
    must: ['verifier', 'witnesses'],
    firstBadIndex: index,
    found: {
      ...ifAny('witnesses', await ofWitnesses(stage, shown, size, 'fork')),
      ...ifAny('verifier', ofVerifier(await verifier.verify(sourceOf(shown, stage.source)))),
    },
  });
};

const restoreOldBackup: Drill['run'] = async (stage, tell) => {
  const { verifier } = await begin(stage, BACKED_UP);
  await stage.stopServing();
  await stage.backUp();
  await stage.startServing();
  await stage.act(ENTRIES - BACKED_UP);
  const size = await stage.settle();
  await verifier.verify();
  await stage.stopServing();
  await stage.restore();
  await stage.startServing();
  const sequencer = await ofSequencer(stage);
  tell({
    done: 'the database of this morning put in the place of this evening’s',
    must: ['sequencer', 'verifier'],
    firstBadIndex: BACKED_UP,
    found: { sequencer, ...ifAny('verifier', ofVerifier(await verifier.verify())) },
  });
  await stage.stopServing();
  await stage.act(size - BACKED_UP + 20);
  const shown = await rewriteLog(stage);
  await stage.startServing();
  tell({
    done: 'and the log goes on from there with its key',
    must: ['sequencer', 'verifier', 'witnesses'],
    firstBadIndex: BACKED_UP,
    found: {
      ...ifAny('witnesses', await ofWitnesses(stage, shown, size, 'rewritten')),
      ...ifAny('verifier', ofVerifier(await verifier.verify(sourceOf(shown, stage.source)))),
      sequencer: await ofSequencer(stage),
    },
  });
};

const clockBack: Drill['run'] = async (stage, tell) => {
  const { size, verifier } = await begin(stage);
  await stage.act(40, -2 * 3_600_000);
  await stage.act(10);
  const grown = await stage.settle();
  const { state } = await stage.health();
  if (state !== 'signing' || grown !== size + 50) throw new Error('the log does not go on, although nothing of it was changed');
  tell({
    done: 'acts recorded with a clock two hours back; their order in the log is that of the database',
    // Nothing was changed: the log is sound and goes on, and the times that jump are told.
    must: ['verifier'],
    firstBadIndex: size,
    found: { ...ifAny('verifier', ofVerifier(await verifier.verify())) },
  });
};

const DRILLS: readonly Drill[] = [
  { name: 'change', what: 'an entry is changed', run: tamperPast(tamper.change(137), 137, 'entry 137 changed in the database') },
  { name: 'delete', what: 'an entry is taken away', run: tamperPast(tamper.delete(300), 300, 'entry 300 taken away') },
  { name: 'insert', what: 'an entry is put in between', run: tamperPast(tamper.insert(260), 260, 'an act that never was put at 260') },
  {
    name: 'reorder',
    what: 'two entries change places',
    run: tamperPast(tamper.reorder(100, 102), 100, 'entries 100 and 102 changed places'),
  },
  { name: 'truncate', what: 'the end is cut off', run: truncate },
  { name: 'fork', what: 'two logs are shown', run: fork },
  { name: 'restore-old-backup', what: 'an older copy takes the place of the database', run: restoreOldBackup },
  { name: 'clock-back', what: 'the clock is turned back', run: clockBack },
];
export const DRILL_NAMES: readonly string[] = DRILLS.map(({ name }) => name);
export const describeDrills = (): string => DRILLS.map(({ name, what }) => `  ${name.padEnd(20)}${what}`).join('\n');

/** Whether all who had to find it did, and whoever named an entry named none behind the first bad one. */
export const isFoundBy = ({ must, found, firstBadIndex }: Pick<DrillStep, 'must' | 'found' | 'firstBadIndex'>): boolean =>
  must.every((finder) => found[finder] !== undefined) &&
  Object.values(found).every((finding) => finding.firstBadIndex === null || finding.firstBadIndex <= (firstBadIndex ?? 0));

/** Runs drills, each on logs of its own. What could not be brought about throws. */
export const runDrills = async (
  openStage: () => Promise<Stage>,
  names: readonly string[],
  onStep: (step: DrillStep) => void,
): Promise<readonly DrillStep[]> => {
  const steps: DrillStep[] = [];
  for (const { name, run } of DRILLS.filter((drill) => names.includes(drill.name))) {
    const stage = await openStage();
    try {
      await run(stage, (told) => {
        const step = { drill: name, ...told, isFound: isFoundBy(told) };
        steps.push(step);
        onStep(step);
      });
    } finally {
      await stage.close();
    }
  }
  return steps;
};

/** City whose log the drills tamper with. */
export const DRILLED_CITY = ATTACKED;
