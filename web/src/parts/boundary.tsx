// Where an answer that nobody expected ends: a notice in place of one part, instead of a page that stands still.
import { Component, type ComponentChildren } from "preact";
import { Trouble } from "../state/api";
import { TroubleBox } from "./trouble";

export class Boundary extends Component<{ children: ComponentChildren }, { failed: string | null }> {
  override state = { failed: null };

  static override getDerivedStateFromError(error: unknown) {
    return { failed: String(error) };
  }

  override render() {
    const { failed } = this.state;
    if (failed === null) return this.props.children;
    return <TroubleBox trouble={new Trouble("broken", failed)} retry={() => this.setState({ failed: null })} />;
  }
}
