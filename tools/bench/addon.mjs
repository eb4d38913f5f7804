// Measures the addon by itself: its size, the time to load it, and the memory of a process that hits.

import { execFileSync } from 'node:child_process'
import { statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { root } from '../scripts/setup.mjs'
import { askAfresh } from './children.mjs'

/** The smallest source that Node-API accepts as an addon. It needs no header. */
const EMPTY_ADDON = `
__attribute__((visibility("default"))) void *napi_register_module_v1(void *env, void *exports) { return exports; }
`

/** Returns the path of the addon that `lib/load.js` chooses on this machine. */
export function addonPath() {
  const require = createRequire(import.meta.url)
  require('../../lib/load.js').load()
  return Object.keys(require.cache).find((path) => path.startsWith(root) && path.endsWith('.node'))
}

export function addonBytes() {
  return statSync(addonPath()).size
}

/** Compiles an addon that does nothing with the system's C compiler, and returns its path. */
function emptyAddon(temporary) {
  const source = join(temporary, 'empty.c')
  const addon = join(temporary, 'empty.node')
  writeFileSync(source, EMPTY_ADDON)
  const mac = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []
  execFileSync('cc', ['-O2', '-shared', '-fPIC', ...mac, '-o', addon, source])
  return addon
}

/**
 * Returns milliseconds in new processes, by row: of `require` for the addon and for an empty addon, and of `lib/load.js`
 * from its own `require` to the addon.
 */
export async function loadTimes(programs, temporary, count) {
  const loads = {
    'the addon': { path: addonPath() },
    'the addon by `load.js`': { path: join(root, 'lib', 'load.js'), call: 'load' },
    'an empty addon': { path: emptyAddon(temporary) },
  }
  const figures = new Map()
  for (let round = 0; round < count; round++) {
    for (const runtime of ['Bun', 'Node']) {
      for (const [what, task] of Object.entries(loads)) {
        const name = `loading ${what}, ${runtime}`
        const { ms } = await askAfresh(programs[runtime.toLowerCase()], [programs.caller], { do: 'load', ...task })
        figures.set(name, [...(figures.get(name) ?? []), ms])
      }
    }
  }
  return figures
}

/**
 * Returns the peak memory (VmHWM) in MiB of new processes, by row: of some that hit, and of some that do nothing. Linux
 * only.
 */
export async function peakMemory(programs, options, count) {
  const tasks = { 'a process that hits': { do: 'hit', options }, 'an empty process': { do: 'nothing' } }
  const figures = new Map()
  for (let round = 0; round < count; round++) {
    for (const runtime of ['Bun', 'Node']) {
      for (const [what, task] of Object.entries(tasks)) {
        const name = `peak memory of ${what}, ${runtime}`
        const answer = await askAfresh(programs[runtime.toLowerCase()], [programs.caller], { ...task, memory: true })
        figures.set(name, [...(figures.get(name) ?? []), answer.mebibytes])
      }
    }
  }
  return figures
}
