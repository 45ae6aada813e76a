// A registry of our own answers: an audit that could not find anything would be worse than none.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { audit } from './audit.js';
import { temporaryFolder } from './pack-tools.js';

const ADVISORY = {
  id: 1,
  title: 'left pads to the right',
  url: 'https://example.org/1',
  severity: 'low',
  vulnerable_versions: '<2',
  cwe: [],
  cvss: { score: 0, vectorString: null },
};
const PACKUMENT = { name: 'left', versions: { '1.0.0': { name: 'left', version: '1.0.0' } } };

/** Answers the two requests of an audit; a process of its own, since the audit blocks this one. */
const REGISTRY = `import { createServer } from 'node:http';
const { status, answer, packument } = JSON.parse(process.argv[2]);
createServer((request, response) => {
  request.resume().on('end', () => {
    const isAudit = request.url === '/-/npm/v1/security/advisories/bulk';
    response.writeHead(isAudit ? status : 200, { 'content-type': 'application/json' });
    response.end(isAudit ? answer : packument);
  });
}).listen(0, '127.0.0.1', function () {
  process.send(this.address().port);
});
`;

/** A project that has one package, for development. */
function project() {
  const folder = temporaryFolder();
  const root = { name: 'project', version: '1.0.0', devDependencies: { left: '1.0.0' } };
  const left = { version: '1.0.0', resolved: 'https://example.org/left-1.0.0.tgz', dev: true };
  const packages = { '': root, 'node_modules/left': left };
  const lock = { ...root, lockfileVersion: 3, requires: true, packages };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(root));
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock));
  return folder;
}

/** What an audit says when the registry answers so. */
async function auditWith(status, answer, packument = JSON.stringify(PACKUMENT)) {
  const folder = project();
  const script = join(folder, 'registry.mjs');
  writeFileSync(script, REGISTRY);
  const registry = fork(script, [JSON.stringify({ status, answer, packument })]);
  onTestFinished(() => void registry.kill());
  const [port] = await once(registry, 'message');
  return audit(folder, [`--registry=http://127.0.0.1:${port}`, '--fetch-retries=0']);
}

describe('the audit', () => {
  afterEach(() => vi.unstubAllEnvs());

  const finding = JSON.stringify({ left: [ADVISORY] });
  const told = 'FAIL left * (low): left pads to the right, https://example.org/1';

  it('fails with what the registry knows', async () => {
    expect(await auditWith(200, finding)).toEqual([told, '0 passed, 1 failed']);
  });

  it('asks for the packages for development, whatever the environment says', async () => {
    vi.stubEnv('NODE_ENV', 'production');
    vi.stubEnv('npm_config_omit', 'dev');
    expect(await auditWith(200, finding)).toEqual([told, '0 passed, 1 failed']);
  });

  it('passes when the registry knows nothing', async () => {
    expect(await auditWith(200, '{}')).toEqual(['PASS audit of 1 packages', '1 passed, 0 failed']);
  });

  it.each([
    ['refuses the question', 405, ''],
    ['fails', 500, ''],
    ['answers no JSON', 200, '<html>'],
  ])('is skipped aloud when the registry %s', async (_, status, answer) => {
    const [line, counts] = await auditWith(status, answer);
    expect(line).toMatch(/^SKIPPED audit of 1 packages: .*security\/advisories\/bulk/);
    expect(counts).toBe('0 passed, 0 failed, 1 skipped');
  });

  it('is skipped aloud when nobody answers', () => {
    const [line] = audit(project(), ['--registry=http://127.0.0.1:1', '--fetch-retries=0']);
    expect(line).toMatch(/^SKIPPED audit of 1 packages: .*ECONNREFUSED/);
  });

  it('fails when it ends in any other way, a finding that npm could not finish included', async () => {
    const [line, counts] = await auditWith(200, finding, '{}');
    expect(line).toMatch(/^FAIL audit of 1 packages: /);
    expect(counts).toBe('0 passed, 1 failed');
  });
});
