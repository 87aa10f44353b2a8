() => {
  // Every text that is drawn, with the contrast between it and what lies behind it (WCAG 2.2, 1.4.3).
  const canvas = document.createElement('canvas'); canvas.width = canvas.height = 1;
  const pen = canvas.getContext('2d', {willReadFrequently: true});
  const known = new Map();
  const read = (text) => { if (!known.has(text)) known.set(text, paint(text)); return known.get(text); };
  const paint = (text) => { pen.clearRect(0, 0, 1, 1); pen.fillStyle = text; pen.fillRect(0, 0, 1, 1);
    const d = pen.getImageData(0, 0, 1, 1).data; return [d[0], d[1], d[2], d[3] / 255]; };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat([1]);
  const light = (c) => { const [r, g, b] = c.slice(0, 3).map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (element) => { const stack = [];
    for (let at = element; at; at = at.parentElement) { const c = read(getComputedStyle(at).backgroundColor); if (c[3] > 0) stack.push(c); if (c[3] === 1) break; }
    let c = read(getComputedStyle(document.documentElement).backgroundColor); if (c[3] === 0) c = [255, 255, 255, 1];
    return stack.reverse().reduce((under, top) => over(top, under), c); };
  const faults = []; let seen = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(); const element = walker.currentNode.parentElement;
    if (!text || !element.checkVisibility({visibilityProperty: true, opacityProperty: true}) || element.closest('script, style, svg, [aria-hidden], option, datalist')) continue;
    const style = getComputedStyle(element); if (style.clipPath !== 'none' || element.closest('.hidden, .skip')) continue;
    const back = behind(element); const fore = over(read(style.color), back);
    const [a, b] = [light(fore), light(back)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05); const size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    seen += 1;
    if (ratio < needed) faults.push(text.slice(0, 40) + ' ' + ratio.toFixed(2) + ' .' + element.className);
  }
  return {seen, faults};
}
