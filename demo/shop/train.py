"""Train a model that says which open orders will come back, and score the newest ones.

Two runs are announced with the stock OpenLineage client. OpenLineage has no words for a model, its metrics and its
predictions: these go to Headwater as GraphQL mutations. Each request is written to the file $MUTATIONS, one a line,
and sent to $HEADWATER_URL/graphql where that is set.

    train.py 1        gradient boosting        train.py 2        logistic regression
"""

import csv
import datetime as dt
import json
import os
import sys
import urllib.request
from pathlib import Path

import joblib
import pandas as pd
from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import schema_dataset
from own_runs import announced
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

MODEL = "return_risk"
OWNER = "team:ml"
NAMES = ["country", "category"]
NUMBERS = [
    "item_count",
    "order_total",
    "discount_percent",
    "earlier_orders",
    "earlier_returns",
    "pages_per_visit",
    "checkout_rate",
]
LABEL = "was_returned"
SCORED = 10
ESTIMATORS = {
    "1": GradientBoostingClassifier(n_estimators=60, max_depth=2, learning_rate=0.08, random_state=7),
    "2": LogisticRegression(C=0.5, max_iter=500),
}

# --- What Headwater is told. The shape of its mutations is written here and nowhere else. -----------------------------
TRAINING = (
    "mutation Training($input: TrackModelTrainingInput!) "
    "{ trackModelTraining(input: $input) { errors { message } } }"
)
PREDICTION = (
    "mutation Prediction($input: RecordPredictionInput!) "
    "{ recordPrediction(input: $input) { errors { message } } }"
)


def training_request(namespace: str, version: str, features: Path, estimator: object, metrics: dict) -> dict:
    """The request that says a model was trained: on what, how, and how good it is."""
    return {
        "query": TRAINING,
        "variables": {
            "input": {
                "model": {"namespace": namespace, "name": MODEL, "version": version},
                "architecture": type(estimator).__name__,
                "status": "TRAINED",
                "datasets": [f"dataset:file#{features}"],
                "hyperparameters": {
                    name: value for name, value in sorted(estimator.get_params().items()) if is_plain(value)
                },
                "metrics": metrics,
                "trainedAt": now(),
            }
        },
    }


def prediction_request(namespace: str, version: str, row: dict) -> dict:
    """The request that says what a model predicted of one order."""
    return {
        "query": PREDICTION,
        "variables": {
            "input": {
                "model": f"model:{namespace}#{MODEL}#{version}",
                "name": f"{MODEL}/{version}/{row['order_id']}",
                "value": row["probability"],
                "inputs": row["inputs"],
                "predictedAt": row["predicted_at"],
            }
        },
    }


# ----------------------------------------------------------------------------------------------------------------------


def is_plain(value: object) -> bool:
    """Whether a setting of an estimator says something and can be written as JSON."""
    return isinstance(value, (bool, int, float, str)) and value != "deprecated"


def now() -> str:
    """The current time, as GraphQL wants it."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def tell_headwater(request: dict) -> None:
    """Write a request down and, where there is a Headwater, send it."""
    with Path(os.environ["MUTATIONS"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(request) + "\n")
    if url := os.environ.get("HEADWATER_URL"):
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get("HEADWATER_API_KEY"):
            headers["Authorization"] = f"Bearer {key}"
        body = json.dumps(request).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{url}/graphql", body, headers), timeout=30) as response:
            answer = json.load(response)
        refused = answer.get("errors") or [error for told in answer["data"].values() for error in told["errors"]]
        if refused:
            raise RuntimeError(f"Headwater refused: {refused}")


def pipeline(version: str) -> Pipeline:
    """The estimator of a version behind its preparation."""
    prepare = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), NAMES),
        (make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS),
    )
    return Pipeline([("prepare", prepare), ("estimator", ESTIMATORS[version])])


def fit(closed: pd.DataFrame, version: str) -> tuple[Pipeline, dict]:
    """Train on the older four fifths of the closed orders and measure on the newer fifth, which it has not seen."""
    closed = closed.sort_values("order_id")
    cut = len(closed) * 4 // 5
    old, new = closed[:cut], closed[cut:]
    model = pipeline(version).fit(old[NAMES + NUMBERS], old[LABEL].astype(int))
    truth, guess = new[LABEL].astype(int), model.predict_proba(new[NAMES + NUMBERS])[:, 1]
    metrics = {
        "auc": round(float(roc_auc_score(truth, guess)), 4),
        "accuracy": round(float(accuracy_score(truth, guess > 0.5)), 4),
        "log_loss": round(float(log_loss(truth, guess)), 4),
        "train_rows": len(old),
        "test_rows": len(new),
    }
    return model, metrics


def score(model: Pipeline, newest: pd.DataFrame) -> list[dict]:
    """What the model thinks of each order, with what it looked at."""
    chances = model.predict_proba(newest[NAMES + NUMBERS])[:, 1]
    return [
        {
            "order_id": row["order_id"],
            "probability": round(float(chance), 4),
            "inputs": {name: row[name] for name in NAMES + NUMBERS},
            "predicted_at": now(),
        }
        for row, chance in zip(json.loads(newest.to_json(orient="records", double_precision=4)), chances, strict=True)
    ]


def columns_of(frame: pd.DataFrame) -> dict:
    """The schema facet of a table."""
    fields = [schema_dataset.SchemaDatasetFacetFields(name, str(type_)) for name, type_ in frame.dtypes.items()]
    return {"schema": schema_dataset.SchemaDatasetFacet(fields=fields)}


def main(version: str) -> None:
    """Train ``version``, then score the newest open orders with it."""
    home = Path(os.environ["SHOP_HOME"])
    namespace = os.environ["OPENLINEAGE_NAMESPACE"]
    features = home / "features" / "order_features"
    model_file = home / "models" / MODEL / f"{version}.joblib"
    predictions = home / "predictions" / f"{MODEL}.csv"
    orders = pd.read_parquet(features)
    read = InputDataset("file", str(features), facets=columns_of(orders))

    with announced(f"train_{MODEL}", "Trains the model that predicts returns.", OWNER, [read]) as touched:
        model, metrics = fit(orders[orders[LABEL].notna()], version)
        model_file.parent.mkdir(parents=True, exist_ok=True)
        joblib.dump(model, model_file)
        touched.outputs = [OutputDataset("file", str(model_file))]
    tell_headwater(training_request(namespace, version, features, ESTIMATORS[version], metrics))

    stored = InputDataset("file", str(model_file))
    with announced(f"score_{MODEL}", "Scores the newest open orders.", OWNER, [read, stored]) as touched:
        newest = orders[orders[LABEL].isna()].sort_values("order_id").tail(SCORED)
        rows = score(model, newest)
        predictions.parent.mkdir(exist_ok=True)
        with predictions.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["order_id", "probability", "predicted_at"], extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        touched.outputs = [OutputDataset("file", str(predictions), facets=columns_of(pd.read_csv(predictions)))]
    for row in rows:
        tell_headwater(prediction_request(namespace, version, row))


if __name__ == "__main__":
    main(sys.argv[1])
