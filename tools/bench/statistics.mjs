// What is said of a row of figures.

/** The value that a share of `sorted` lies below, between two of them by their distance. */
function quantile(sorted, share) {
  const position = (sorted.length - 1) * share
  const below = sorted[Math.floor(position)]
  const above = sorted[Math.ceil(position)]
  return below + (above - below) * (position % 1)
}

/** Median and quartiles of `values`, of which there must be one at least. */
export function summary(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return {
    median: quantile(sorted, 0.5),
    lower: quantile(sorted, 0.25),
    upper: quantile(sorted, 0.75),
    count: sorted.length,
  }
}

/** Three digits that matter, and no more than a microsecond where the unit is a millisecond. */
export function rounded(value) {
  const size = Math.abs(value)
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3)
}

/** `median (lower-upper)` */
export function shown({ median, lower, upper }) {
  return `${rounded(median)} (${rounded(lower)}-${rounded(upper)})`
}
