// The installed package at work: the README's examples, in workers, and with the addon missing,
// forbidden or damaged.

import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Skip, check, filesBelow, readmeExamples, runIn } from './pack-tools.js';

const DRIVER = `import { rmSync } from 'node:fs';
import { UringWalWriter, WalEntry, WalReader } from 'uring-wal';
const writer = await UringWalWriter.open('driver.wal');
await writer.append(WalEntry.put(1n, 'key', 'value'), { sync: true });
await writer.close();
const reader = await WalReader.open('driver.wal');
for await (const { sequence } of reader) if (sequence !== 1n) throw new Error('read back wrongly');
await reader.close();
rmSync('driver.wal');
console.log(JSON.stringify(writer.driver));
`;

const WORKER = `import { Worker } from 'node:worker_threads';
const worker = new Worker(new URL(process.argv[2], import.meta.url));
worker.on('error', (error) => { throw error; });
worker.on('exit', (code) => { process.exitCode = code; });
`;

const REQUIRE = `const { UringWalWriter, WAL_ERROR_CODES } = require('uring-wal');
const { simulate } = require('uring-wal/sim');
import('uring-wal').then((imported) => {
  if (imported.UringWalWriter !== UringWalWriter) throw new Error('loaded twice');
  if (typeof simulate !== 'function') throw new Error('no simulate');
  console.log(Object.keys(WAL_ERROR_CODES).length);
});
`;

const SIMULATE = `import { UringWalWriter, WalEntry, WalReader } from 'uring-wal';
import { simulate } from 'uring-wal/sim';
const result = await simulate(
  {
    state: () => ({ durable: 0n }),
    run: async ({ driver }, state) => {
      const writer = await UringWalWriter.open('/log', { driver });
      if (writer.recovery.records < Number(state.durable)) throw new Error('a record is lost');
      for (let i = 0; i < 3; i++) {
        const next = state.durable + 1n;
        await writer.append(WalEntry.put(next, 'key', 'value'), { sync: true });
        state.durable = next;
      }
      await writer.close();
    },
  },
  { worlds: 20, faults: [] },
);
if (result.failure !== undefined) throw new Error(result.failure.message);
console.log(result.worlds);
`;

/** Puts the scripts of the tests into a project. */
export function prepareProject(project) {
  readmeExamples().forEach((code, i) => writeFileSync(join(project, `example-${i}.js`), code));
  writeFileSync(join(project, 'driver.js'), DRIVER);
  writeFileSync(join(project, 'worker.js'), WORKER);
  writeFileSync(join(project, 'require.cjs'), REQUIRE);
  writeFileSync(join(project, 'simulate.js'), SIMULATE);
}

/** What `driver.js` says moved the bytes. */
export function driverOf(project, args = [], options = {}) {
  return JSON.parse(runIn(project, [...args, 'driver.js'], options));
}

/** Runs an example of the README anew; its files are removed afterwards. */
export function runExample(project, index, { inWorker = false, ...options } = {}) {
  const name = `./example-${index}.js`;
  const before = new Set(filesBelow(project));
  try {
    const printed = runIn(project, inWorker ? ['worker.js', name] : [name], options);
    if (index === 0) {
      check(/^1n put /m.test(printed) && /^2n put /m.test(printed), `it printed ${printed}`);
    }
  } finally {
    for (const file of filesBelow(project).filter((each) => !before.has(each))) {
      rmSync(join(project, file));
    }
    rmSync(join(project, 'app-wal'), { recursive: true, force: true });
  }
}

/** Tests that any Node.js must pass. */
export function smokeTests(project, options = {}) {
  const tests = {};
  readmeExamples().forEach((_, i) => {
    tests[`the README's example ${i + 1}`] = () => runExample(project, i, options);
  });
  return {
    ...tests,
    "the README's example in a worker": () => {
      runExample(project, 0, { inWorker: true, ...options });
    },
    'import and require give the same module': () => {
      check(Number(runIn(project, ['require.cjs'], options)) > 0, 'no codes');
    },
    'uring-wal/sim runs a workload': () => {
      check(runIn(project, ['simulate.js'], options).trim() === '20', 'not all worlds');
    },
    'the addon is loaded': () => {
      const { findings } = JSON.parse(
        runCommand(project, ['doctor', '.', '--json'], { ...options, codes: [0, 1] }),
      );
      const { verdict, found } = findings.find(({ name }) => name === 'addon');
      check(verdict === 'ok' && found === 'loaded', found);
    },
    'io_uring moves the bytes': () => {
      const { name, fallbackReason } = driverOf(project, [], options);
      if (name === 'uring') return;
      if (fallbackReason.startsWith('io_uring is refused')) throw new Skip(fallbackReason);
      throw new Error(`the driver is ${name}: ${fallbackReason}`);
    },
    '--no-addons: the thread pool, and the reason': () => {
      expectFallback(driverOf(project, ['--no-addons'], options), /native addon is not there/);
      runExample(project, 0, { ...options, env: { NODE_OPTIONS: '--no-addons' } });
    },
    'where Node.js says it is macOS or Windows: the thread pool, and the reason': () => {
      for (const platform of ['darwin', 'win32']) {
        const code = `Object.defineProperty(process, 'platform', { value: '${platform}' })`;
        const args = ['--import', `data:text/javascript,${encodeURIComponent(code)}`];
        const reason = new RegExp(`io_uring is Linux only; this is ${platform}`);
        expectFallback(driverOf(project, args, options), reason);
      }
    },
    'the command: append, dump, verify': () => {
      commandRoundTrip(project, options);
    },
  };
}

const COMMAND = join('node_modules', '.bin', 'uring-wal');

/** Runs the command as npm links it; returns what it printed. */
function runCommand(project, args, options) {
  return runIn(project, [COMMAND, ...args], options);
}

/** What goes in through the command comes out of it, and can go in again. */
function commandRoundTrip(project, options) {
  const [log, copy] = ['command.wal', 'copy.wal'];
  const input = '{"key":"a","value":"1"}\n{"type":"delete","key":"a"}\n{"key":"ä","value":""}\n';
  try {
    const acks = runCommand(project, ['append', log, '--sync'], { ...options, input });
    check(acks.trim().split('\n').length === 3, `acknowledged: ${acks}`);
    const dumped = runCommand(project, ['dump', log], options);
    const found = dumped
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .map(({ sequence, type, keyHex, valueHex }) => [sequence, type, keyHex, valueHex].join(' '));
    check(found.join(', ') === '1 put 61 31, 2 delete 61 , 3 put c3a4 ', `dumped: ${dumped}`);
    runCommand(project, ['append', copy], { ...options, input: dumped });
    const [bytes, again] = [log, copy].map((name) => readFileSync(join(project, name)));
    check(bytes.equals(again), 'what was dumped and appended again is another log');
    const verified = JSON.parse(runCommand(project, ['verify', log, '--json'], options));
    check(verified.records === 3 && verified.end.kind === 'clean', JSON.stringify(verified));
  } finally {
    for (const name of [log, copy]) rmSync(join(project, name), { force: true });
  }
}

function expectFallback({ name, fallbackReason }, pattern) {
  check(name === 'threadpool', `the driver is ${name}`);
  check(pattern.test(fallbackReason), `the reason is ${fallbackReason}`);
}

/** Each makes other bytes of the binary. */
const DAMAGES = {
  'an empty file': () => Buffer.alloc(0),
  'no library': () => Buffer.from('#!/bin/sh\nexit 1\n'.repeat(500)),
  'cut short': (bytes) => bytes.subarray(0, bytes.length >> 1),
  'cut short by a byte': (bytes) => bytes.subarray(0, -1),
  'a page of zeros': (bytes) => Buffer.from(bytes).fill(0, 8192, 12288),
  'one bit flipped': (bytes) => {
    const copy = Buffer.from(bytes);
    copy[20_000] ^= 1;
    return copy;
  },
};

/** Tests with the addon removed and damaged; at the end it is as it was. */
export function damageTests(project) {
  const prebuilds = join(project, 'node_modules', 'uring-wal', 'native', 'prebuilds');
  const binaries = filesBelow(prebuilds).map((file) => join(prebuilds, file));
  const withBinaries = (change, test) => () => {
    for (const file of binaries) copyFileSync(file, `${file}.kept`);
    try {
      for (const file of binaries) change(file);
      test();
    } finally {
      for (const file of binaries) {
        copyFileSync(`${file}.kept`, file);
        rmSync(`${file}.kept`);
      }
    }
  };
  const tests = {
    'the addon removed': withBinaries(rmSync, () => {
      expectFallback(driverOf(project), /Cannot find a binary for linux-/);
      runExample(project, 0);
    }),
    'the addon of another processor': () => {
      const foreign = binaries.find((file) => !file.includes(`linux-${process.arch}-`));
      if (foreign === undefined) throw new Skip('the package has no other');
      const bytes = readFileSync(foreign);
      withBinaries(
        (file) => writeFileSync(file, bytes),
        () => expectFallback(driverOf(project), /is for another processor than/),
      )();
    },
  };
  for (const [name, damage] of Object.entries(DAMAGES)) {
    const change = (file) => writeFileSync(file, damage(readFileSync(file)));
    tests[`the addon damaged: ${name}`] = withBinaries(change, () => {
      expectFallback(driverOf(project), /is not whole/);
    });
  }
  return tests;
}
