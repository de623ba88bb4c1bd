// tensorlane/json: the numbers of JSON texts, read and written off the JS thread.

export { type FindOptions, type FoundNumbers, findNumbers, type NumberArray } from './find.js';
export { type PrintedNumbers, type PrintOptions, printNumbers } from './print.js';
export { type JsonDType, type ReadNumbers, readNumbers } from './read.js';
