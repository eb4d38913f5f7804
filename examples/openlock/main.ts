// Prints the paths of the gateway, the supervisor and OpenShell's CLI, one a line.

import { getCliInvocation, getSandboxBinaries } from './fork-binaries.js'

const [{ gateway, supervisor }, cli] = await Promise.all([getSandboxBinaries(), getCliInvocation()])
console.log([gateway, supervisor, cli.join(' ')].join('\n'))
