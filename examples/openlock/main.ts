// Prints where the gateway and the supervisor are, a line each.

import { getGatewayBinary, getSupervisorBinary } from './fork-binaries.js'

const paths = await Promise.all([getGatewayBinary(), getSupervisorBinary()])
console.log(paths.join('\n'))
