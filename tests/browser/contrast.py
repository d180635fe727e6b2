"""Whether texts stand out from what is behind them, as they are drawn: with every transparency on the way."""

from __future__ import annotations

from .pages import Pages

LEAST = 4.5
"""What WCAG's level AA asks of a text of normal size."""

MEASURE = """(roots) => {
    const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
    const over = ([red, green, blue, alpha = 1], under) =>
        [red, green, blue].map((part, index) => part * alpha + under[index] * (1 - alpha));
    // The browser mixes an element with what is behind it by its own opacity, children and all.
    const drawn = (element) => {
        const chain = [];
        for (let one = element; one; one = one.parentElement) {
            chain.unshift(getComputedStyle(one));
        }
        let behind = [255, 255, 255];
        let opacity = 1;
        for (const style of chain) {
            opacity *= Number(style.opacity);
            const [red, green, blue, alpha = 1] = numbers(style.backgroundColor);
            behind = over([red, green, blue, alpha * opacity], behind);
        }
        const [red, green, blue, alpha = 1] = numbers(chain[chain.length - 1].color);
        return [over([red, green, blue, alpha * opacity], behind), behind];
    };
    const light = (color) => {
        const [red, green, blue] = color.map((one) => {
            const part = one / 255;
            return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const visible = (element) => element.checkVisibility() && element.getBoundingClientRect().width > 0;
    const found = [];
    for (const root of roots) {
        const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
        while (texts.nextNode()) {
            const element = texts.currentNode.parentElement;
            if (texts.currentNode.textContent.trim() && visible(element) && !element.closest(':disabled')) {
                const lights = drawn(element).map(light);
                const contrast = (Math.max(...lights) + 0.05) / (Math.min(...lights) + 0.05);
                found.push([contrast, texts.currentNode.textContent.trim().slice(0, 60)]);
            }
        }
    }
    return found;
}"""


def assert_readable(pages: Pages, selector: str) -> None:
    """Assert that every visible text in the elements can be read."""
    found = pages.page.locator(selector).evaluate_all(MEASURE)
    assert found, f"there is no text in {selector}"
    faint = [f"{text}: {contrast:.2f}" for contrast, text in found if contrast < LEAST]
    assert not faint, "\n".join(faint)
