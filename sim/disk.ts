// The simulated disk: a tree of directories and files that outlives the processes using it. It knows
// what is durable; it decides nothing, every choice comes from outside.

import { Arena } from './arena.js';
import { SimDirectory, type SimEntry } from './disk-directory.js';
import { SimInode } from './disk-file.js';
import type { SurvivalPlan } from './disk-survival.js';

export class SimDisk {
  readonly root: SimDirectory;
  #inodes: number;

  readonly #arena: Arena;

  /** `arena` holds what the files hold. */
  constructor(arena = new Arena(), root = new SimDirectory(), inodes = 0) {
    this.#arena = arena;
    this.root = root;
    this.#inodes = inodes;
  }

  /** What is at a path, or undefined. */
  find(path: string): SimEntry | undefined {
    if (path === '/') return this.root;
    const { directory, name } = this.locate(path);
    return directory?.entries.get(name);
  }

  file(path: string): SimInode | undefined {
    const entry = this.find(path);
    return entry instanceof SimInode ? entry : undefined;
  }

  /** The directory that holds a path (undefined when it does not exist), and the last name. */
  locate(path: string): { directory: SimDirectory | undefined; name: string } {
    const slash = path.lastIndexOf('/');
    const name = path.slice(slash + 1);
    if (slash <= 0) return { directory: this.root, name };
    let directory: SimDirectory | undefined = this.root;
    for (const part of path.slice(1, slash).split('/')) {
      const next: SimEntry | undefined = directory?.entries.get(part);
      directory = next instanceof SimDirectory ? next : undefined;
    }
    return { directory, name };
  }

  /** The errno for a path that leads nowhere: a file may stand where a directory is needed. */
  missing(path: string): 'ENOENT' | 'ENOTDIR' {
    for (let slash = path.indexOf('/', 1); slash > 0; slash = path.indexOf('/', slash + 1)) {
      if (this.find(path.slice(0, slash)) instanceof SimInode) return 'ENOTDIR';
    }
    return 'ENOENT';
  }

  createFile(directory: SimDirectory, name: string): SimInode {
    this.#inodes += 1;
    const inode = new SimInode(this.#inodes, this.#arena);
    directory.link(name, inode);
    return inode;
  }

  /** Whether the path itself, with every directory above it, would survive a power cut now. */
  isPathDurable(path: string): boolean {
    let directory: SimDirectory = this.root;
    for (const part of path.slice(1).split('/')) {
      const entry = directory.entries.get(part);
      if (entry === undefined || !directory.isDurable(part, entry)) return false;
      if (entry instanceof SimDirectory) directory = entry;
    }
    return true;
  }

  /** Every file, with those in directories. */
  *files(directory = this.root): Generator<SimInode> {
    for (const entry of directory.entries.values()) {
      if (entry instanceof SimInode) yield entry;
      else yield* this.files(entry);
    }
  }

  /** Memory runs short: clean pages go, and cached reads see the device again. */
  dropCleanPages(): void {
    for (const file of this.files()) file.dropClean();
  }

  /** Writeback errors that nobody was told of yet are nobody's any more. */
  forgetErrors(): void {
    for (const file of this.files()) file.errorsTold = file.errors;
  }

  powerCut(plan: SurvivalPlan): void {
    this.root.powerCut(plan);
  }

  clone(): SimDisk {
    return new SimDisk(this.#arena, this.root.clone(), this.#inodes);
  }
}
