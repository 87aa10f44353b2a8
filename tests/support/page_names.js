() => {
  // What a screen reader would miss: controls without a name, doubled ids, pictures without words, inline style.
  const faults = [];
  const named = (e) => (e.getAttribute('aria-label') || e.title || e.textContent || '').trim() || e.getAttribute('aria-labelledby');
  document.querySelectorAll('button, a[href], summary').forEach((e) => { if (!named(e)) faults.push('no name: ' + e.outerHTML.slice(0, 90)); });
  document.querySelectorAll('input:not([type=hidden]), select, textarea').forEach((e) => {
    if (!e.getAttribute('aria-label') && !(e.labels && e.labels.length && e.labels[0].textContent.trim())) faults.push('no label: ' + e.outerHTML.slice(0, 90)); });
  document.querySelectorAll('[role=img]').forEach((e) => { if (!e.getAttribute('aria-label')) faults.push('picture without words: ' + e.outerHTML.slice(0, 60)); });
  const ids = {}; document.querySelectorAll('[id]').forEach((e) => { ids[e.id] = (ids[e.id] || 0) + 1; });
  Object.keys(ids).forEach((id) => { if (ids[id] > 1) faults.push('id twice: ' + id); });
  document.querySelectorAll('[aria-labelledby], [aria-describedby]').forEach((e) => { const id = e.getAttribute('aria-labelledby') || e.getAttribute('aria-describedby');
    if (!document.getElementById(id)) faults.push('no such id: ' + id); });
  if (document.querySelectorAll('h1').length !== 1) faults.push('h1: ' + document.querySelectorAll('h1').length);
  if (document.querySelectorAll('main').length !== 1) faults.push('no main');
  document.querySelectorAll('[style]').forEach((e) => { if (!e.closest('.uplot')) faults.push('style: ' + e.outerHTML.slice(0, 80)); });
  return faults;
}
