import type { Limits } from '../src/domain/limits.ts';
import type { MetricsFormat } from '../src/http/observability/metrics-text.ts';
import type { StepGroups } from '../src/http/step-groups.ts';
import type { InferenceDoor } from '../src/oip/door.ts';
import type { TenantServices } from '../src/services/tenants/index.ts';
import type { StreamDoor } from '../src/streams/door.ts';
import { cellRoutes } from './cells.ts';
import { checkpointRoutes } from './checkpoints.ts';
import { computeRoutes } from './compute.ts';
import { documentRoutes } from './docs.ts';
import { inferenceRoutes } from './oip.ts';
import { opRoutes } from './ops.ts';
import type { App } from './route.ts';
import { serviceRoutes } from './service.ts';
import { sessionStepRoutes } from './session-steps.ts';
import { sessionRoutes } from './sessions.ts';
import { streamRoutes } from './streams.ts';
import { trainingRoutes } from './training.ts';
import { variableRoutes } from './variables.ts';
import { weightRoutes } from './weights.ts';

/** The map of the service. */
export function addRoutes(
  app: App,
  services: TenantServices,
  limits: Limits,
  doors: { readonly streams: StreamDoor; readonly inference: InferenceDoor; readonly groups?: StepGroups },
  metrics: (format: MetricsFormat) => Promise<string>,
): void {
  serviceRoutes(app, services, metrics); //         /healthz, /readyz, /metrics, /v1/usage, /problems/{code}
  cellRoutes(app, services); //                     /v1/cells
  computeRoutes(app, services, doors.groups); //    /v1/cells/{cell}/steps, /sequences, /gradients
  weightRoutes(app, services); //                   /v1/cells/{cell}/weights
  trainingRoutes(app, services); //                 /v1/cells/{cell}/training_steps, /v1/cells/{cell}/optimizer
  variableRoutes(app, services); //                 /v1/variables, /v1/cells/{cell}/variables/{name}
  opRoutes(app, services); //                       /v1/ops
  sessionRoutes(app, services); //                  /v1/sessions
  sessionStepRoutes(app, services, doors.groups); // /v1/sessions/{session}/steps, /states, /reset, /rewind
  streamRoutes(app, doors.streams); //              /v1/steps, /v1/stream, /asyncapi.yaml
  inferenceRoutes(app, doors.inference, services); // /v2: the Open Inference Protocol
  checkpointRoutes(app, services, limits); //       /v1/checkpoints
  documentRoutes(app); //                           /openapi.json, /openapi.yaml
}
