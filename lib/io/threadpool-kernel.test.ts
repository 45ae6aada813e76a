import { expect, test } from 'vitest';

import { cacheContract, cacheState, skipUnlessTold } from './contract-cache.js';
import { kernelContract } from './contract-kernel.js';
import { CREATE } from './contract-world.js';
import { openDescriptor } from './files.js';
import { removeDirectory, temporaryDirectory } from './test-world.js';
import { createThreadpoolDriver } from './threadpool.js';
import { ThreadpoolFile } from './threadpool-file.js';

kernelContract('threadpool');
cacheContract('threadpool');

test('where dsync is not known to be honoured, a sync follows the write', async (context) => {
  const directory = await temporaryDirectory();
  const driver = createThreadpoolDriver();
  const path = `${directory}/log`;
  const known = await driver.open(path, CREATE);
  const { fd, created } = await openDescriptor(path, CREATE);
  const past = { refused: 'not asked for' };
  const file = new ThreadpoolFile({
    path,
    created,
    fd,
    past,
    direct: false,
    honoursDsync: false,
  });
  try {
    skipUnlessTold(known, context);
    const memory = driver.memory(65_536);
    await file.write(memory, 0, 65_536, 0, { dsync: true });
    expect(cacheState(file).dirty).toBe(0);
  } finally {
    await Promise.all([known.close(), file.close()]);
    await removeDirectory(directory);
  }
});
