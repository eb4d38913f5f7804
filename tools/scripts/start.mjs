// `npm start`: runs the demonstration. With arguments, it is the command line of `dev-bin` in the directory where npm
// was called. Options without a command are those of `get`.

import { createRequire } from 'node:module'
import { setUp } from './setup.mjs'

const args = process.argv.slice(2)

setUp()
if (args.length === 0) {
  const { demonstrate } = await import('./demonstration.mjs')
  await demonstrate()
} else {
  if (process.env.INIT_CWD) process.chdir(process.env.INIT_CWD)
  const { main } = createRequire(import.meta.url)('../../cli/main.js')
  const isOption = args[0].startsWith('-') && !['-h', '--help', '-V', '--version'].includes(args[0])
  process.exitCode = await main(isOption ? ['get', ...args] : args)
}
