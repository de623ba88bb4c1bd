import * as transformers from 'transformers3';
import { pipelines } from './transformers.mjs';

export default (fixtures) => pipelines(transformers, fixtures);
