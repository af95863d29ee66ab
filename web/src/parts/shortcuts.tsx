// The list that `?` opens.
import { t } from "../text";
import { Dialog } from "./bits";

const GROUPS: [string, [string, string][]][] = [
  [t.keys.groups.range, [["L", t.keys["30m"]], ["T", t.keys.today], ["D", t.keys["24h"]], ["W", t.keys["7d"]], ["C", t.keys.custom]]],
  [t.keys.groups.view, [
    ["1 – 5", t.keys.metric], ["V", t.keys.table], ["H", t.keys.humans], ["/", t.keys.search], ["P", t.keys.pause], ["F", t.keys.wall], ["Esc", t.keys.clear],
    ["G", t.keys.theme], ["?", t.keys.help],
  ]],
  [t.keys.groups.move, [["⇧ 1 – 5", t.keys.pages]]],
];

export function ShortcutsDialog({ close }: { close: () => void }) {
  return (
    <Dialog title={t.keys.title} close={close}>
      {GROUPS.map(([name, keys]) => (
        <section key={name} class="keys">
          <h3>{name}</h3>
          <dl>{keys.map(([key, what]) => [<dt key={key}><kbd>{key}</kbd></dt>, <dd>{what}</dd>])}</dl>
        </section>
      ))}
    </Dialog>
  );
}
