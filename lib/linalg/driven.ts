// Results that say who computed them. What goes through all of a result's properties finds tensors alone, as before there was a driver.

/** What says who computed it. */
export interface Driven {
  /**
   * The routine that was chosen: a driver's name, 'gesvdjBatched' of cuSOLVER's, or of Hermitian matrices the one of `eigh`, which is 'jacobi',
   * 'syevd', 'heevd', 'syevBatched' or 'syevjBatched'. Undefined where there was nothing to decompose. What one cannot do of a batch (a matrix
   * beyond its range, or that does not converge) a more robust one does. Not enumerable: a loop over a result finds its tensors.
   */
  readonly driver: string | undefined;
}

export function drivenBy<R extends object>(results: R, driver: string | undefined): R & Driven {
  return Object.defineProperty(results, 'driver', { value: driver }) as R & Driven;
}
