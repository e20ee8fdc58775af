import { useApp } from '../frame/context.ts';
import type { LayerStep } from '../model/equation.ts';
import type { Layer } from '../model/layers.ts';
import { show } from '../numbers/numbers.ts';
import { colorOf, scaleOf } from '../ui/colors.ts';
import { Scroll } from '../ui/scroll.tsx';
import { LAYOUTS, NODE, type Node, WIDTH, type Wire } from './layout.ts';

interface DiagramProps {
  readonly layer: Layer;
  readonly step: LayerStep | undefined;
  readonly unit: number;
  readonly onUnit: (unit: number) => void;
  /** Values flow along the wires. */
  readonly moving: boolean;
}

/** A layer as boxes and wires, with the values of one step in them. */
export function Diagram({ layer, step, unit, onUnit, moving }: DiagramProps) {
  const { t } = useApp();
  const { nodes, wires, height } = LAYOUTS[layer.kind];
  const said = step
    ? nodes.map(
        (node) =>
          `${t(node.text)} ${node.sign}: ${node
            .values(step, layer)
            .slice(0, 8)
            .map((value) => show(value))
            .join(', ')}`,
      )
    : [t('diagram.empty')];
  return (
    <Scroll label={t('diagram.label', { kind: t(`kind.${layer.kind}`) })}>
      <svg
        class={`diagram${moving ? ' moving' : ''}`}
        viewBox={`0 0 ${WIDTH} ${height}`}
        role="img"
        aria-label={said.join('. ')}
      >
        <defs>
          <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
            <path d="M0 0 8 4 0 8z" class="arrow" />
          </marker>
        </defs>
        {wires.map((wire) => (
          <WireLine key={`${wire.from} ${wire.to}`} wire={wire} nodes={nodes} layer={layer} step={step} unit={unit} />
        ))}
        {nodes.map((node) => (
          <NodeBox
            key={node.id}
            node={node}
            values={step ? node.values(step, layer) : []}
            unit={node.id === 'x' ? 0 : unit}
            onUnit={node.id === 'x' ? undefined : onUnit}
            name={t(node.text)}
            sign={(CANDIDATES.includes(node.id) && layer.candidate) || node.sign}
          />
        ))}
      </svg>
    </Scroll>
  );
}

interface WireProps {
  readonly wire: Wire;
  readonly nodes: readonly Node[];
  readonly layer: Layer;
  readonly step: LayerStep | undefined;
  readonly unit: number;
}

/** Thick where the value that it carries is large; blue where it is positive, orange where it is negative. */
function WireLine({ wire, nodes, layer, step, unit }: WireProps) {
  const { dark } = useApp();
  const from = nodes.find(({ id }) => id === wire.from)!;
  const to = nodes.find(({ id }) => id === wire.to)!;
  const values = step ? from.values(step, layer) : [];
  const value = values[Math.min(unit, values.length - 1)] ?? 0;
  const start = { x: from.x + NODE.width, y: from.y + NODE.height / 2 };
  const end = entry(start, to);
  const bend = Math.max(24, Math.abs(end.x - start.x) / 2);
  const path =
    end.side === 'left'
      ? `M${start.x} ${start.y}C${start.x + bend} ${start.y} ${end.x - bend} ${end.y} ${end.x} ${end.y}`
      : `M${start.x} ${start.y}C${start.x + 40} ${start.y} ${end.x} ${(start.y + end.y) / 2} ${end.x} ${end.y}`;
  const width = 1.2 + 3 * Math.min(1, Math.abs(value) || 0);
  return (
    <g class="wire">
      <path d={path} class="base" marker-end="url(#arrow)" />
      {step && <path d={path} class="flow" style={{ stroke: colorOf(value, 0.6, dark.value), strokeWidth: width }} />}
      {wire.sign && (
        <text x={start.x + 8} y={start.y - 7}>
          {wire.sign}
        </text>
      )}
    </g>
  );
}

/** A wire comes in at the left, or where its box stands right above or below, at the top or the bottom. */
function entry(start: { x: number; y: number }, to: Node) {
  const middle = to.y + NODE.height / 2;
  if (start.x < to.x - 20) {
    const lean = Math.max(-16, Math.min(16, (start.y - middle) / 6));
    return { x: to.x - 2, y: middle + lean, side: 'left' };
  }
  const below = start.y > middle;
  return {
    x: to.x + NODE.width / 2 + 20,
    y: below ? to.y + NODE.height + 2 : to.y - 2,
    side: below ? 'bottom' : 'top',
  };
}

interface NodeProps {
  readonly node: Node;
  readonly values: readonly number[];
  readonly unit: number;
  readonly onUnit?: (unit: number) => void;
  readonly name: string;
  readonly sign: string;
}

/** Boxes that have another letter in each framework. */
const CANDIDATES = ['hh', 'cc'];
const SHOWN_UNITS = 32;

function NodeBox({ node, values, unit, onUnit, name, sign }: NodeProps) {
  const { dark } = useApp();
  const shown = values.slice(0, SHOWN_UNITS);
  const scale = scaleOf(shown, 1);
  const width = (NODE.width - 16) / Math.max(1, shown.length);
  const value = values[Math.min(unit, values.length - 1)];
  return (
    <g class={`node node-${node.id}`} transform={`translate(${node.x} ${node.y})`}>
      <title>{name}</title>
      <rect width={NODE.width} height={NODE.height} rx="9" />
      <text x="9" y="20" class="sign">
        {sign}
      </text>
      <text x={NODE.width - 9} y="20" text-anchor="end" class="value">
        {value === undefined ? '' : show(value)}
      </text>
      <text x="9" y="36" class="name">
        {name}
      </text>
      {shown.map((item, j) => (
        <rect
          key={j}
          class={`unit${j === unit && shown.length > 1 ? ' chosen' : ''}`}
          x={8 + j * width}
          y="43"
          width={Math.max(1, width - (width > 4 ? 1 : 0))}
          height="12"
          style={{ fill: colorOf(item, scale, dark.value) }}
          onPointerEnter={() => onUnit?.(j)}
        />
      ))}
    </g>
  );
}
