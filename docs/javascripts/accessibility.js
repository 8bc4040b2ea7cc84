// Names and keyboard access for parts that the theme adds to a page without them.
const improve = () => {
  document.querySelector('.md-search')?.setAttribute('aria-label', 'Search');
  document.querySelectorAll('.md-code__nav:not([aria-label])').forEach(
    nav => nav.setAttribute('aria-label', nav.parentElement.id || 'Code'));
  document.querySelectorAll('.md-typeset__scrollwrap:not([tabindex]), pre > code:not([tabindex])').forEach(
    part => part.setAttribute('tabindex', '0'));
};
improve();
new MutationObserver(improve).observe(document.body, {childList: true, subtree: true});
