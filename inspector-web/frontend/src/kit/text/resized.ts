/** Tells of an element after each layout in which its size changed: its size is read then without forcing one. */
export function resized<E extends Element>(tell: (element: E) => void): (element: E) => () => void {
  return (element) => {
    const observer = new ResizeObserver(() => tell(element));
    observer.observe(element);
    return () => observer.disconnect();
  };
}
