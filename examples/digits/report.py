"""Ranks the models: out/confusion.png, out/report.html and out/metrics.json."""

import base64
import io
import json
import os
from html import escape
from pathlib import Path
from statistics import mean, pstdev

import numpy as np
from sklearn.metrics import confusion_matrix

import picture

MISREAD_SHOWN = 30

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Handwritten digits</title>
<style>
  :root {{ color-scheme: light dark }}
  body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }}
  table {{ border-collapse: collapse; width: 100% }}
  th, td {{ padding: .4rem .6rem; text-align: right; border-bottom: 1px solid #8884 }}
  th:first-child, td:first-child {{ text-align: left }}
  tbody tr:first-child {{ font-weight: 600 }}
  img {{ max-width: 100%; border-radius: 6px }}
</style>
<h1>Handwritten digits</h1>
<p>{digits} digits, each predicted once by a model that had not seen it. <strong>{best}</strong> reads best:
{accuracy:.2%} right.</p>
<table>
<thead><tr><th>Model</th><th>Right</th><th>Spread over folds</th><th>Seconds</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
<h2>What {best} takes for what</h2>
<img src="{confusion}" alt="Confusion matrix of {best}">
<h2>Digits it misread</h2>
<p>{misread} in all{shown}.</p>
<img src="{sheet}" alt="Misread digits">
</html>
"""


def ranking(results: list[dict]) -> list[dict]:
    """One entry for each model, the best first."""
    models = []
    for name in {result["model"] for result in results}:
        own = sorted((result for result in results if result["model"] == name), key=lambda result: result["fold"])
        accuracies = [result["accuracy"] for result in own]
        models.append({
            "model": name,
            "accuracy": mean(accuracies),
            "spread": pstdev(accuracies),
            "seconds": round(sum(result["seconds"] for result in own), 3),
            "folds": [{"fold": result["fold"], "accuracy": result["accuracy"], "curve": result["curve"]} for result in own],
        })
    return sorted(models, key=lambda entry: (-entry["accuracy"], entry["model"]))


def data_url(image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def table_row(entry: dict) -> str:
    return (f"<tr><td>{escape(entry['model'])}</td><td>{entry['accuracy']:.2%}</td>"
            f"<td>± {entry['spread']:.2%}</td><td>{entry['seconds']:.1f}</td></tr>")


def main() -> None:
    with np.load(Path(os.environ["INPUT_DATA"]) / "digits.npz") as data:
        images, labels = data["images"], data["labels"]
    results = [json.loads(file.read_text()) for file in sorted(Path(os.environ["INPUT_RESULTS"]).glob("*/result.json"))]
    models = ranking(results)
    best = models[0]
    for entry in models:
        print(f"{entry['model']:20} {entry['accuracy']:.2%} right")

    predicted = np.full(len(labels), -1)
    for result in results:
        if result["model"] == best["model"]:
            predicted[result["digits"]] = result["predicted"]
    misread = np.flatnonzero(predicted != labels)
    confusion = picture.confusion(confusion_matrix(labels, predicted, labels=range(10)), best["model"])
    sheet = picture.digit_sheet(images[misread[:MISREAD_SHOWN]], columns=15)

    out = Path("out")
    out.mkdir(exist_ok=True)
    confusion.save(out / "confusion.png")
    (out / "metrics.json").write_text(json.dumps({"best": best["model"], "digits": len(labels), "models": models}, indent=2))
    (out / "report.html").write_text(PAGE.format(
        digits=len(labels), best=escape(best["model"]), accuracy=best["accuracy"],
        rows="\n".join(table_row(entry) for entry in models), confusion=data_url(confusion), sheet=data_url(sheet),
        misread=len(misread), shown=f"; the first {MISREAD_SHOWN}" if len(misread) > MISREAD_SHOWN else ""))
    print(f"best: {best['model']}, {len(misread)} of {len(labels)} misread")


if __name__ == "__main__":
    main()
