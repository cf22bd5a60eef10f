import { TEXTS } from './texts.js';

const language = document.documentElement.lang === 'fr' ? 'fr' : 'en';
const text = TEXTS[language];
const at = (id) => document.getElementById(id);
const [city, full, policy, start, stop, result, proofResult] = [
  'city',
  'full',
  'policy',
  'start',
  'stop',
  'log-result',
  'proof-result',
].map(at);

document.title = text.title;
for (const each of document.querySelectorAll('[data-text]')) each.textContent = text[each.dataset.text];
const other = at('other-language');
if (language === 'fr') Object.assign(other, { textContent: 'English', href: '?lang=en', hreflang: 'en', lang: 'en' });

const element = (name, content, ...classes) => {
  const made = document.createElement(name);
  made.classList.add(...classes);
  if (typeof content === 'string') made.textContent = content;
  else made.append(...content);
  return made;
};
const box = (kind, title, ...parts) => element('div', [element('h3', title), ...parts], 'box', kind);
const remark = (content, ...parts) => element('div', [element('p', content), ...parts], 'box', 'warn');
const list = (pairs) =>
  element(
    'dl',
    pairs.flatMap(([name, value]) => [element('dt', name), element('dd', value)]),
  );
const show = (where, ...parts) => {
  where.replaceChildren(...parts);
  where.focus();
};

/** What is kept in this browser, by city. */
const keyOf = (code) => `caregraph-verify:${code}`;
const load = (code) => {
  try {
    return localStorage.getItem(keyOf(code));
  } catch {
    return null;
  }
};
const keep = (code, state) => {
  try {
    localStorage.setItem(keyOf(code), state);
    return true;
  } catch {
    return false;
  }
};

const fillCities = async () => {
  let codes = [];
  try {
    const ready = await (await fetch('/health/ready')).json();
    codes = Object.keys(ready.cities ?? {});
  } catch {
    // Told below.
  }
  const asked = new URLSearchParams(location.search).get('city');
  city.replaceChildren(...codes.map((code) => new Option(code, code, code === asked, code === asked)));
  if (codes.length === 0) show(result, remark(text.notAsked));
};

const describe = ({ report, state, ms }, code) => {
  const { fault, shards, notices, isSound } = report;
  const checked = shards.reduce((sum, each) => sum + each.checked, 0);
  const parts = shards
    .filter((each) => each.fault === null || each.size !== null)
    .map((each) =>
      list([
        ...(shards.length > 1 ? [[text.shard, String(each.shard)]] : []),
        [text.origin, each.origin ?? ''],
        [text.entries, (each.size ?? 0).toLocaleString(language)],
        [text.checked, each.checked.toLocaleString(language)],
        [text.witnesses, each.witnesses.length === 0 ? text.notWitnessed : each.witnesses.map(({ name }) => name).join(', ')],
        ...(each.witnesses.length === 0
          ? []
          : [[text.cosigned, each.cosignedAt === null ? text.noTime : text.since(each.cosignedAt, each.ageSeconds)]]),
      ]),
    );
  if (checked > 1_000) parts.push(element('p', text.rate(Math.round(checked / (ms / 1_000))), 'hint'));
  const faults = fault
    ? [
        list([
          [text.fault, text.faults[fault.kind] ?? fault.kind],
          [text.firstBad, fault.isExact ? String(fault.firstBadIndex) : text.orLater(fault.firstBadIndex)],
        ]),
        ...(fault.notes.length === 0
          ? []
          : [
              element('details', [
                element('summary', text.evidence),
                element('p', text.keepEvidence),
                ...fault.notes.map((note) => element('pre', note)),
              ]),
            ]),
      ]
    : [];
  const told = notices.map(({ kind, shard, key }) =>
    remark(kind === 'trusted-on-first-use' ? text.onFirstUse(key) : kind === 'policy-differs' ? text.policyDiffers : text.notServed(shard)),
  );
  const warn = ({ cosignedAt, ageSeconds }, { kind, index, count }) => {
    if (kind === 'stale') return text.stale(cosignedAt, ageSeconds);
    return kind === 'witness-clock-ahead' ? text.ahead(count) : text.warning(kind, index, count);
  };
  const warnings = shards.flatMap((each) => each.warnings.map((warning) => remark(warn(each, warning))));
  const newest = shards.at(-1);
  if (isSound && newest && !newest.isOpen) warnings.push(remark(text.closed));
  const kept = keep(code, state) ? [] : [remark(text.cannotKeep)];
  return [
    box(isSound ? 'good' : 'bad', isSound ? text.sound(code) : text.broken(code), ...faults, ...parts),
    ...told,
    ...warnings,
    ...kept,
  ];
};

const open = () => new Worker('/verify/worker.js', { type: 'module' });
let running = null;
const end = () => {
  running?.terminate();
  running = null;
  start.disabled = false;
  stop.disabled = true;
  at('going').hidden = true;
};
/** What is wrong, in the language of the page. */
const explain = (why) => {
  const [found, said] = text.whys.find(([each]) => each.test(why)) ?? [];
  return found ? why.replace(found, said) : why;
};
const tellFailure = (where, { reason, why, line = null, origin }) => {
  if (reason === 'no-worker') return show(where, remark(text.noWorker));
  if (reason === 'bad-state') return show(where, remark(text.noStates));
  if (reason === 'no-key') return show(where, remark(text.noKey(origin)));
  show(where, remark(reason === 'bad-policy' ? text.badPolicy(line) : text.notAsked, element('p', explain(why), 'hint')));
};
/** The policy that is pasted; '' for none. Its lines keep their numbers. */
const pasted = () => (policy.value.trim() === '' ? '' : `${policy.value.trimEnd()}\n`);

at('log-form').addEventListener('submit', (event) => {
  event.preventDefault();
  end();
  const code = city.value;
  result.replaceChildren();
  const bar = at('progress');
  bar.removeAttribute('value');
  at('progress-text').textContent = text.beginning;
  at('going').hidden = false;
  start.disabled = true;
  stop.disabled = false;
  running = open();
  running.addEventListener('error', () => {
    end();
    tellFailure(result, { reason: 'no-worker' });
  });
  running.addEventListener('message', ({ data }) => {
    if (data.kind === 'progress') {
      bar.max = Math.max(1, data.total);
      bar.value = data.done;
      at('progress-text').textContent = text.progress(data.done, data.total, data.shard);
    } else if (data.kind === 'report') {
      end();
      show(result, ...describe(data, code));
    } else if (data.kind === 'failed') {
      end();
      tellFailure(result, data);
    }
  });
  running.postMessage({
    kind: 'verify',
    city: code,
    isFull: full.checked,
    policy: pasted(),
    state: load(code),
  });
});
stop.addEventListener('click', () => {
  end();
  show(result, remark(text.stopped));
});
at('forget').addEventListener('click', () => {
  try {
    localStorage.removeItem(keyOf(city.value));
  } catch {
    // Nothing was kept either.
  }
  show(result, remark(text.forgotten));
});

const drop = at('drop');
for (const name of ['dragenter', 'dragover'])
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add('over');
  });
for (const name of ['dragleave', 'drop']) drop.addEventListener(name, () => drop.classList.remove('over'));
drop.addEventListener('drop', (event) => {
  event.preventDefault();
  for (const file of event.dataTransfer.files) {
    const holder = new DataTransfer();
    holder.items.add(file);
    at(file.name.endsWith('.tlog-proof') ? 'proof' : 'leaf').files = holder.files;
  }
});

/** The policies that are known: the one that is pasted, else those that this browser keeps. */
const knownPolicies = () => {
  if (pasted() !== '') return [pasted()];
  return [...city.options].flatMap(({ value }) => {
    try {
      return Object.values(JSON.parse(load(value) ?? '{}').shards ?? {}).map((each) => each.policy);
    } catch {
      return [];
    }
  });
};

/** A worker that waits for proofs, so that the first one is judged as fast as the next, and without the network. `loaded` tells whether it came. */
const openJudge = () => {
  const worker = open();
  const loaded = new Promise((resolve) => {
    worker.addEventListener('message', () => resolve(true), { once: true });
    worker.addEventListener('error', () => resolve(false), { once: true });
  });
  return { worker, loaded };
};
let judge = openJudge();
const openJudgeAgain = () => {
  judge.worker.terminate();
  judge = openJudge();
  return judge.loaded;
};
at('proof-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const policies = knownPolicies();
  if (policies.length === 0) return show(proofResult, remark(text.noPolicy));
  const [proof, leaf] = await Promise.all(['proof', 'leaf'].map((id) => at(id).files[0].arrayBuffer()));
  if (!(await judge.loaded) && !(await openJudgeAgain())) return tellFailure(proofResult, { reason: 'no-worker' });
  judge.worker.onmessage = ({ data }) => {
    if (data.kind === 'failed') return tellFailure(proofResult, data);
    if (data.kind !== 'judged') return;
    const witnesses = element('p', text.witnessedBy(data.witnesses.length === 0 ? text.notWitnessed : data.witnesses.join(', ')));
    const time = element('p', text.inMs(data.ms), 'hint');
    show(
      proofResult,
      data.isProven
        ? box('good', text.proven(data.index, data.size, data.origin), witnesses, time)
        : box(
            'bad',
            text.notProven,
            element('p', text.reasons[data.reason] ?? data.reason),
            ...(data.isNewlineTooMuch ? [element('p', text.newlineTooMuch)] : []),
            time,
          ),
    );
  };
  judge.worker.onerror = () => {
    openJudgeAgain();
    tellFailure(proofResult, { reason: 'no-worker' });
  };
  judge.worker.postMessage({ kind: 'judge', proof, leaf, policies });
});

await Promise.all([fillCities(), judge.loaded]);
document.documentElement.dataset.ready = 'true';
