// The app in the browser. The gateway is not built from it.

document.body.append(await (await fetch('/gateway')).text())

export {}
