import { kernelContract } from './contract-kernel.js';

kernelContract('uring');
