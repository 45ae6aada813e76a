// A machine for the tests of reports.

export const ENVIRONMENT = {
  date: '2026-01-01',
  cpu: 'a CPU',
  cores: 2,
  memoryGiB: 4,
  kernel: 'Linux',
  node: 'v20',
  fileSystem: 'ext4',
  commit: 'abc',
  command: 'npm run bench -- --save',
  load: 0,
};
