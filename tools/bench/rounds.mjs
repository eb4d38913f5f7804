// Takes the figures of a tree's rows in turns, so that whatever else the machine does falls on all of them alike.

import { spawnSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'

/** A stat cache may not trust a file that was written less than two seconds before it was looked at. */
const AGED_MS = 2_200

/**
 * Waits until what was last written is old enough to be trusted, and lets everybody who remembers files look once:
 * git's index first, since it is a file that others look at.
 */
async function settle(directory, rows) {
  // The first time, git cannot tell a file of the same second from one that is written later, and looks once more.
  for (let look = 0; look < 2; look++) {
    spawnSync('git', ['-C', directory, 'status', '--porcelain'], { stdio: 'ignore' })
    await sleep(AGED_MS)
  }
  for (let look = 0; look < 2; look++) {
    for (const { measure } of rows.quick) await measure()
    // What is remembered is written after the answer has been given.
    await sleep(100)
  }
}

/** `list`, beginning elsewhere each time, so that no row always comes after the same one. */
function rotated(list, turn) {
  const start = (turn * 5) % list.length
  return [...list.slice(start), ...list.slice(0, start)]
}

/**
 * All figures of each row, by its name. There are `count` rounds of `passes` over the quick rows, one over the slow
 * ones and one edit; kinds of edits alternate. `files` are those that are edited, one a round.
 */
export async function takeFigures(directory, rows, { count, passes, files }) {
  const figures = new Map(Object.values(rows).flatMap((group) => group.map(({ name }) => [name, []])))
  const take = async ({ name, measure }, file) => figures.get(name).push(await measure(file))
  for (let round = 0; round < count; round++) {
    await settle(directory, rows)
    for (let pass = 0; pass < passes; pass++) {
      for (const row of rotated(rows.quick, round * passes + pass)) await take(row)
    }
    for (const row of rotated(rows.slow, round)) await take(row)
    if (files.length > 0) await take(rows.edits[round % rows.edits.length], files[round % files.length])
  }
  return figures
}
