// Summarizes the figures of a row.

/** Returns the value below which a share of `sorted` lies, interpolated between its two neighbours. */
function quantile(sorted, share) {
  const position = (sorted.length - 1) * share
  const below = sorted[Math.floor(position)]
  const above = sorted[Math.ceil(position)]
  return below + (above - below) * (position % 1)
}

/** Returns the median and the quartiles of `values`, which must not be empty. */
export function summary(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return {
    median: quantile(sorted, 0.5),
    lower: quantile(sorted, 0.25),
    upper: quantile(sorted, 0.75),
    count: sorted.length,
  }
}

/** Returns a value with three significant digits, but at most three decimals. */
export function rounded(value) {
  const size = Math.abs(value)
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3)
}

/** Returns a summary as `median (lower-upper)`. */
export function shown({ median, lower, upper }) {
  return `${rounded(median)} (${rounded(lower)}-${rounded(upper)})`
}
