// What the addon costs by itself: its size, the time to load it, and the memory of a process that hits.

import { execFileSync } from 'node:child_process'
import { statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { root } from '../scripts/setup.mjs'
import { askAfresh } from './children.mjs'

/** The least that Node-API takes for an addon; no header is needed for it. */
const EMPTY_ADDON = `
__attribute__((visibility("default"))) void *napi_register_module_v1(void *env, void *exports) { return exports; }
`

/** The addon that the loader chooses here. */
export function addonPath() {
  const require = createRequire(import.meta.url)
  require('../../lib/binding.js')
  return Object.keys(require.cache).find((path) => path.startsWith(root) && path.endsWith('.node'))
}

export function addonBytes() {
  return statSync(addonPath()).size
}

/** An addon that does nothing, made with the system's C compiler. */
function emptyAddon(temporary) {
  const source = join(temporary, 'empty.c')
  const addon = join(temporary, 'empty.node')
  writeFileSync(source, EMPTY_ADDON)
  const mac = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []
  execFileSync('cc', ['-O2', '-shared', '-fPIC', ...mac, '-o', addon, source])
  return addon
}

/** Milliseconds of `require` in fresh processes, by row: the addon, the generated loader with it, an empty addon. */
export async function loadTimes(programs, temporary, count) {
  const paths = {
    'the addon': addonPath(),
    'the addon by `binding.js`': join(root, 'lib', 'binding.js'),
    'an empty addon': emptyAddon(temporary),
  }
  const figures = new Map()
  for (let round = 0; round < count; round++) {
    for (const runtime of ['Bun', 'Node']) {
      for (const [what, path] of Object.entries(paths)) {
        const name = `loading ${what}, ${runtime}`
        const { ms } = await askAfresh(programs[runtime.toLowerCase()], [programs.caller], { do: 'load', path })
        figures.set(name, [...(figures.get(name) ?? []), ms])
      }
    }
  }
  return figures
}

/** MiB at the peak (VmHWM) of fresh processes that hit and of those that do not, by row. */
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
