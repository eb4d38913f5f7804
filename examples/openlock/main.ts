// Prints where the gateway, the supervisor and OpenShell's CLI are, a line each.

import { getCliInvocation, getSandboxBinaries } from './fork-binaries.js'

const [{ gateway, supervisor }, cli] = await Promise.all([getSandboxBinaries(), getCliInvocation()])
console.log([gateway, supervisor, cli.join(' ')].join('\n'))
