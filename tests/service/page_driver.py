"""What people do with the page, for tests."""

import json


def open_page(browser, service, text=None, hash_="", **options):
    """Open the page, and write a text into it; by default it shows its first example."""
    service.refusals.clear()
    browser.visit(service.address + hash_, **options)
    browser.wait_until("document.querySelector('#result[aria-busy=false]')")
    if text is not None:
        replace_text(browser, text)
        settled(browser, text)


def replace_text(browser, text):
    browser.evaluate("document.getElementById('text').select()")
    browser.evaluate("document.getElementById('text').focus()")
    browser.write(text)


def settled(browser, text):
    """Wait until the text is in the field, and shown with an answer about it."""
    busy = "document.getElementById('result').ariaBusy === 'true'"
    browser.wait_until(f"document.getElementById('text').value === {json.dumps(text)} && !({busy})")


def click(browser, selector):
    browser.evaluate(f"document.querySelector({json.dumps(selector)}).click()")
