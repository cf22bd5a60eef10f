import { judgeEntryBy, NoKeyError } from '../../platform/audit/city-policy.ts';
import { parseCityState, verifyCity } from '../../platform/audit/verify-city.ts';
import { openHttpSource, SourceError } from '../../platform/tlog/log-source.ts';
import { parsePolicy } from '../../platform/tlog/policy.ts';
import { TlogError } from '../../platform/tlog/tlog-error.ts';

/** Does the work beside the page. Takes `verify` and `judge`, answers with `progress`, `report`, `judged` or `failed`. */

const SHOWN_EVERY_MS = 100;
/** Faults that may pass, and how often and after how many milliseconds the log is asked again. */
const BEHIND = ['rolled-back', 'truncated', 'no-quorum'];
const BEHIND_TRIES = 2;
const BEHIND_MS = 1_500;
/** A smaller tree that differs from the one that is known comes from no copy that is behind. */
const mayPass = ({ fault, shards }) =>
  BEHIND.includes(fault?.kind) && !(fault.kind === 'truncated' && fault.firstBadIndex < (shards.at(-1)?.size ?? 0));

const readState = (text) => {
  if (text === null) return null;
  try {
    return parseCityState(JSON.parse(text));
  } catch {
    throw new Error('bad-state');
  }
};
const checkPolicy = (text) => {
  try {
    return parsePolicy(text);
  } catch (error) {
    throw error instanceof TlogError ? new Error('bad-policy', { cause: error }) : error;
  }
};

const verify = async ({ city, isFull, policy, state }) => {
  if (policy !== '') checkPolicy(policy);
  const began = performance.now();
  let shown = 0;
  const known = readState(state);
  const run = () =>
    verifyCity({
      source: openHttpSource(new URL(`/audit/${city}/`, location.origin).href),
      trust: policy === '' ? { kind: 'first-use' } : { kind: 'policy', text: policy },
      known,
      city,
      now: new Date(),
      isFull,
      onProgress: (shard, done, total) => {
        if (done < total && performance.now() - shown < SHOWN_EVERY_MS) return;
        shown = performance.now();
        postMessage({ kind: 'progress', shard, done, total });
      },
    });
  let report = await run();
  // A copy that is behind its primary catches up.
  for (let again = 0; again < BEHIND_TRIES && mayPass(report); again++) {
    await new Promise((resolve) => setTimeout(resolve, BEHIND_MS));
    report = await run();
  }
  postMessage({ kind: 'report', report: { ...report, state: null }, state: JSON.stringify(report.state), ms: performance.now() - began });
};

const judge = async ({ proof, leaf, policies }) => {
  const began = performance.now();
  policies.forEach(checkPolicy);
  let judgement = null;
  let unknown = null;
  for (const policy of policies) {
    try {
      const next = await judgeEntryBy(policy, new Uint8Array(proof), new Uint8Array(leaf));
      // Of several policies the one that knows the log has the word.
      if (!judgement || judgement.reason === 'unknown-log' || next.kind === 'proven') judgement = next;
    } catch (error) {
      if (!(error instanceof NoKeyError)) throw error;
      unknown = error;
    }
  }
  if (!judgement) throw unknown;
  const { kind, reason, index, checkpoint, witnesses, isNewlineTooMuch } = judgement;
  postMessage({
    kind: 'judged',
    isProven: kind === 'proven',
    reason,
    isNewlineTooMuch,
    index,
    size: checkpoint?.size,
    origin: checkpoint?.origin,
    witnesses: (witnesses ?? []).map(({ name }) => name),
    ms: performance.now() - began,
  });
};

/** What went wrong, for the page to say it in its language. */
const toFailure = (error) => {
  if (error instanceof NoKeyError) return { reason: 'no-key', origin: error.origin };
  if (error?.message === 'bad-state') return { reason: 'bad-state' };
  if (error?.message === 'bad-policy') {
    const [, line = null, why] = /^(?:line (\d+) of the policy: )?(.*)$/s.exec(error.cause.message);
    return { reason: 'bad-policy', line, why };
  }
  return { reason: 'not-asked', why: error instanceof SourceError ? error.message : String(error?.message ?? error) };
};

addEventListener('message', async ({ data }) => {
  try {
    await (data.kind === 'verify' ? verify(data) : judge(data));
  } catch (error) {
    postMessage({ kind: 'failed', ...toFailure(error) });
  }
});
postMessage({ kind: 'ready' });
