#!/usr/bin/python3
"""k-means and Gaussian mixtures on the same points as Clade's clusters: what a model has to beat.

    benchmarks/baselines.py t.csv:kind --clusters 10 --seeds 5
    benchmarks/baselines.py train-images.idx.gz train-labels.idx.gz --test t10k-images.idx.gz t10k-labels.idx.gz
    benchmarks/baselines.py counts.npy labels.npy --values counts --components 50

Points are .npy, IDX (also .gz) or .csv; labels a file of the same kinds, or FILE.csv:COLUMN for both.
They are used for scores alone. Without --test a tenth of the points, drawn by the seed, is kept for
scores. Values are standardised; divided by the largest (--values grey); or counts after
log(1 + x / library size * median). The methods are scikit-learn's, ten starts each, the best by
inertia or likelihood, on the features and on their principal components. Prints a table of means and
standard deviations over the seeds: one-to-one accuracy, NMI, ARI, seconds of a fit. --out writes
every figure as JSON. Needs python3-sklearn.
"""
import argparse
import csv
import gzip
import json
import pathlib
import statistics
import time

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.mixture import GaussianMixture

STARTS = 10


def read_bytes(path: str) -> bytes:
  data = pathlib.Path(path).read_bytes()
  return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def read_idx(data: bytes) -> np.ndarray:
  dims = data[3]
  shape = np.frombuffer(data, ">u4", dims, 4)
  kind = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}[data[2]]
  return np.frombuffer(data, kind, offset=4 + 4 * dims).reshape(shape)


def read_array(path: str) -> np.ndarray:
  data = read_bytes(path)
  if data[:6] == b"\x93NUMPY":
    import io
    return np.load(io.BytesIO(data))
  if data[:2] == b"\0\0":
    return read_idx(data)
  return np.loadtxt(data.decode().splitlines(), delimiter=",")


def read_points(paths: list) -> tuple:
  """Points [N, D] float64, and the number of each one's label [N]."""
  if len(paths) == 2:
    x, labels = read_array(paths[0]), read_array(paths[1]).ravel()
  else:
    path, _, column = paths[0].rpartition(":")
    rows = list(csv.DictReader(read_bytes(path).decode().splitlines()))
    x = np.array([[float(value) for name, value in row.items() if name != column] for row in rows])
    labels = np.array([row[column] for row in rows])
  return x.reshape(len(x), -1).astype(np.float64), np.unique(labels, return_inverse=True)[1]


def prepare(values: str, train: np.ndarray, test: np.ndarray) -> tuple:
  if values == "grey":
    return train / train.max(), test / train.max()
  if values == "counts":
    median = np.median(train.sum(1))
    train, test = (np.log1p(x / np.maximum(x.sum(1, keepdims=True), 1) * median)
                   for x in (train, test))
    return train, test
  deviation = train.std(0)
  deviation[deviation == 0] = 1
  return (train - train.mean(0)) / deviation, (test - train.mean(0)) / deviation


def one_to_one(labels: np.ndarray, clusters: np.ndarray) -> float:
  counts = np.zeros((clusters.max() + 1, labels.max() + 1), int)
  np.add.at(counts, (clusters, labels), 1)
  rows, columns = linear_sum_assignment(-counts)
  return counts[rows, columns].sum() / len(labels)


def methods(clusters: int, seed: int) -> dict:
  return {
      "k-means": KMeans(clusters, n_init=STARTS, random_state=seed),
      "Gaussian mixture, diagonal": GaussianMixture(clusters, covariance_type="diag",
                                                    n_init=STARTS, random_state=seed),
      "Gaussian mixture, full": GaussianMixture(clusters, n_init=STARTS, random_state=seed),
  }


METHODS = list(methods(1, 0))


def one_seed(options: argparse.Namespace, seed: int) -> list:
  x, labels = read_points(options.data)
  if options.test:
    test, test_labels = read_points(options.test)
  else:
    order = np.random.default_rng(seed).permutation(len(x))
    held = order[:len(x) // 10]
    test, test_labels = x[held], labels[held]
    x, labels = np.delete(x, held, 0), np.delete(labels, held)
  clusters = options.clusters or int(labels.max()) + 1
  train, test = prepare(options.values, x, test)
  spaces = {"": (train, test)}
  if options.components and options.components < train.shape[1]:
    pca = PCA(options.components, random_state=seed).fit(train)
    spaces = {f"{options.components} components: ": (pca.transform(train), pca.transform(test))}
  measured = []
  for space, (points, unseen) in spaces.items():
    for name, method in methods(clusters, seed).items():
      if name not in options.methods.split(";"):
        continue
      start = time.monotonic()
      method.fit(points)
      seconds = time.monotonic() - start
      found = method.predict(unseen)
      measured.append({"method": space + name, "seed": seed, "seconds": seconds,
                       "accuracy": one_to_one(test_labels, found),
                       "nmi": normalized_mutual_info_score(test_labels, found),
                       "ari": adjusted_rand_score(test_labels, found)})
  return measured


def table(measured: list) -> str:
  lines = ["| method | accuracy, one-to-one | NMI | ARI | seconds | seeds |",
           "| --- | --- | --- | --- | --- | --- |"]
  for method in dict.fromkeys(m["method"] for m in measured):
    of = [m for m in measured if m["method"] == method]
    cells = []
    for figure in ("accuracy", "nmi", "ari"):
      values = [m[figure] for m in of]
      spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
      cells.append(f"{statistics.mean(values):.3f}{spread}")
    seconds = statistics.median(m["seconds"] for m in of)
    lines.append(f"| {method} | {' | '.join(cells)} | {seconds:.1f} | {len(of)} |")
  return "\n".join(lines)


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("data", nargs="+", help="POINTS LABELS, or TABLE.csv:COLUMN")
  parser.add_argument("--test", nargs="+", help="the same of the points that are scored")
  parser.add_argument("--values", choices=["standardised", "grey", "counts"],
                      default="standardised")
  parser.add_argument("--components", type=int, default=0, help="principal components; 0 for none")
  parser.add_argument("--clusters", type=int, default=0, help="as many as labels by default")
  parser.add_argument("--seeds", type=int, default=5)
  parser.add_argument("--methods", default=";".join(METHODS), help="separated by semicolons")
  parser.add_argument("--out", help="a JSON file for every figure")
  options = parser.parse_args()
  measured = []
  for seed in range(1, options.seeds + 1):
    measured += one_seed(options, seed)
  print(table(measured))
  if options.out:
    pathlib.Path(options.out).write_text(json.dumps(measured, indent=1) + "\n")


if __name__ == "__main__":
  main()
