import * as transformers from 'transformers4';
import { pipelines } from './transformers.mjs';

export default (fixtures) => pipelines(transformers, fixtures);
