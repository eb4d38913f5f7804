// Takes the figures of a tree's rows in turns, so that other work of the machine affects all rows alike.

import { spawnSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'

/** The age of a file that a stat cache trusts, in milliseconds: two seconds, and some reserve. */
const AGED_MS = 2_200

/**
 * Waits until the last edit is old enough to be trusted, and then has git and the stat cache look at the tree. git
 * comes first, since its index is a file that the stat cache looks at.
 */
async function settle(directory, rows) {
  // git looks twice: at first it cannot tell a file that was written in the same second as the index from a later one.
  for (let look = 0; look < 2; look++) {
    spawnSync('git', ['-C', directory, 'status', '--porcelain'], { stdio: 'ignore' })
    await sleep(AGED_MS)
  }
  for (let look = 0; look < 2; look++) {
    for (const { measure } of rows.quick) await measure()
    // The stat cache is written after the answer.
    await sleep(100)
  }
}

/** Returns `list` with another beginning each turn, so that no row always follows the same one. */
function rotated(list, turn) {
  const start = (turn * 5) % list.length
  return [...list.slice(start), ...list.slice(0, start)]
}

/**
 * Returns the figures of each row, by its name. Each of `count` rounds takes the quick rows `passes` times, the slow
 * rows once, and one edit, of the two kinds in turns. `files` are the files to edit, one a round.
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
