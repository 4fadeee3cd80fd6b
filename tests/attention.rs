use llmlab::{lessons::attention::attention, trace::Trace};
use ndarray::{ArrayD, IxDyn};

fn array(shape: [usize; 4], seed: f64) -> ArrayD<f64> {
    let mut i = seed;
    ArrayD::from_shape_simple_fn(IxDyn(&shape), || {
        i += 1.0;
        (i * 12.9898).sin() * 2.0
    })
}

#[test]
fn weights_sum_to_one_and_constant_values_come_back() {
    let (q, k) = (array([2, 3, 5, 8], 1.0), array([2, 3, 7, 8], 2.0));
    let v = ArrayD::from_elem(IxDyn(&[2, 3, 7, 4]), 2.5);
    let mut trace = Trace::default();
    let out = attention(&q, &k, &v, None, &mut trace).unwrap();
    assert!(out.iter().all(|x| (x - 2.5).abs() <= 1e-12));
    let weights = &trace
        .steps()
        .iter()
        .find(|s| s.name == "weights")
        .unwrap()
        .value;
    assert!(
        weights
            .sum_axis(ndarray::Axis(3))
            .iter()
            .all(|x| (x - 1.0).abs() <= 1e-12)
    );
}

#[test]
fn a_query_that_sees_no_key_gives_zeros() {
    let (q, k, v) = (
        array([1, 1, 1, 2], 1.0),
        array([1, 1, 3, 2], 2.0),
        array([1, 1, 3, 2], 3.0),
    );
    let mask = ArrayD::from_elem(IxDyn(&[1, 3]), f64::NEG_INFINITY);
    let out = attention(&q, &k, &v, Some(&mask), &mut Trace::default()).unwrap();
    assert!(out.iter().all(|x| *x == 0.0));
}

#[test]
fn shapes_that_do_not_fit_are_a_sentence() {
    let (q, k, v) = (
        array([1, 1, 2, 4], 1.0),
        array([1, 1, 3, 5], 2.0),
        array([1, 1, 3, 2], 3.0),
    );
    let error = attention(&q, &k, &v, None, &mut Trace::default()).unwrap_err();
    assert_eq!(
        error,
        "step `k`: axis d was 4 in an earlier step and is 5 here"
    );
}
